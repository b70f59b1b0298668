import KVSharding
import Testing

@Suite struct ShardMapFaultTests {
    /// A valid map but for what stands in the given places.
    static func text(numShards: String = "4", nodes: String = #""n1":{"address":"h","port":1}"#, shards: String = "")
        -> String
    {
        "{\"numShards\":\(numShards),\"nodes\":{\(nodes)},\"shards\":{\(shards)}}"
    }

    @Test func everyFaultIsNamedWithItsPlace() {
        let json = #"""
            {"epoch": -1, "numShards": 4,
             "nodes": {"n1": {"address": "h", "port": 70000}, "n2": {"address": "", "port": 9001},
                       "": {"address": "i", "port": 9001}, "n4": {"port": "9"}, "n5": [], "n6": {"address": "i", "port": 9001}},
             "shards": {"9": ["n1"], "0": [], "01": [], "1.0": [], "-1": [], "1": ["n1", "n1", "n9", 7], "2": "n1", "3": {}}}
            """#
        #expect(
            faults(json) == [
                #"epoch: -1 is outside 0…9223372036854775807"#,
                #"nodes."n1".port: 70000 is outside 1…65535"#,
                #"nodes."n2".address: the address is empty"#,
                #"nodes."": the name is empty"#,
                #"nodes."n4".address: missing"#,
                #"nodes."n4".port: expected an integer, found a string"#,
                #"nodes."n5": expected an object, found an array"#,
                #"nodes."n6": node "" has the same address and port, i:9001"#,
                #"shards."9": shard 9 is outside 1…4"#,
                #"shards."0": shard 0 is outside 1…4"#,
                #"shards."01": not a shard number (an integer in plain digits)"#,
                #"shards."1.0": not a shard number (an integer in plain digits)"#,
                #"shards."-1": shard -1 is outside 1…4"#,
                #"shards."1"[1]: node "n1" is there twice"#,
                #"shards."1"[2]: unknown node "n9""#,
                #"shards."1"[3]: expected a string, found 7"#,
                #"shards."2": expected an array of node names, found a string"#,
                #"shards."3": expected an array of node names, found an object"#,
            ]
        )
    }

    static let faulty: [(String, [String])] = [
        ("{}", ["numShards: missing", "nodes: missing", "shards: missing"]),
        ("null", ["top level: expected an object, found null"]),
        ("[]", ["top level: expected an object, found an array"]),
        ("7", ["top level: expected an object, found 7"]),
        (
            #"{"numShards":null,"nodes":null,"shards":null}"#,
            [
                "numShards: expected an integer, found null", "nodes: expected an object, found null",
                "shards: expected an object, found null",
            ]
        ),
        (text(numShards: "0"), ["numShards: 0 is outside 1…1048576"]),
        (text(numShards: "-3"), ["numShards: -3 is outside 1…1048576"]),
        (text(numShards: "1048577"), ["numShards: 1048577 is outside 1…1048576"]),
        (text(numShards: "99999999999999999999"), ["numShards: 99999999999999999999 is outside 1…1048576"]),
        (text(numShards: "4.0"), ["numShards: expected an integer, found 4.0"]),
        (text(numShards: "4e0"), ["numShards: expected an integer, found 4e0"]),
        (text(numShards: #""4""#), ["numShards: expected an integer, found a string"]),
        (text(numShards: "true"), ["numShards: expected an integer, found true"]),
        (text(numShards: #"4,"epoch":1.5"#), ["epoch: expected an integer, found 1.5"]),
        (
            text(numShards: #"4,"epoch":9223372036854775808"#),
            [
                "epoch: 9223372036854775808 is outside 0…9223372036854775807"
            ]
        ),
        (text(numShards: #"4,"epoch":null"#), ["epoch: expected an integer, found null"]),
        (text(numShards: #"4,"numShards":5"#), ["numShards: is there twice"]),
        (text(nodes: #""n1":{"address":"h","port":1,"port":2}"#), [#"nodes."n1".port: is there twice"#]),
        (
            text(nodes: #""n1":{"address":"h","port":1},"n1":{"address":"i","port":1}"#),
            [
                #"nodes."n1": the node is there twice"#
            ]
        ),
        (
            text(nodes: #""a\nb":{"address":"h\u0000","port":1}"#),
            [
                #"nodes."a\u000ab": the name has a control character"#,
                #"nodes."a\u000ab".address: the address has a control character"#,
            ]
        ),
        (
            text(nodes: #""n1":{"address":"h h","port":0}"#),
            [
                #"nodes."n1".address: the address has a space"#, #"nodes."n1".port: 0 is outside 1…65535"#,
            ]
        ),
        (text(shards: #""1":["n1"],"1":[]"#), [#"shards."1": the shard is there twice"#]),
        (
            text(shards: #""99999999999999999999":[]"#),
            [#"shards."99999999999999999999": shard 99999999999999999999 is outside 1…4"#]
        ),
        (text(shards: #""1":["no\u0007de"]"#), [#"shards."1"[0]: unknown node "no\u0007de""#]),
        // A faulty part brings no follow-on faults: neither unknown nodes nor shards outside an unknown range.
        (
            #"{"numShards":"x","shards":{"9":["n1"]}}"#,
            [
                "numShards: expected an integer, found a string", "nodes: missing",
            ]
        ),
        (text(nodes: #""n1":{"address":"h"}"#, shards: #""1":["n1"]"#), [#"nodes."n1".port: missing"#]),
    ]

    @Test(arguments: faulty)
    func faultsOf(json: String, expected: [String]) {
        #expect(faults(json) == expected)
    }

    static let broken: [(String, String)] = [
        ("", "line 1, column 1: the file is empty"),
        (" \n ", "line 2, column 2: the file is empty"),
        ("{", "line 1, column 2: the file ends where a name in double quotes is expected"),
        ("{\n  \"é\" 1}", "line 2, column 7: expected ':', found '1'"),
        ("{\"a\":1,}", "line 1, column 8: expected a name in double quotes, found '}'"),
        ("[1 2]", "line 1, column 4: expected ',' or ']', found '2'"),
        ("[01]", "line 1, column 3: expected ',' or ']', found '1'"),
        ("[1.]", "line 1, column 4: expected a digit, found ']'"),
        ("[-]", "line 1, column 3: expected a digit, found ']'"),
        ("[+1]", "line 1, column 2: expected a value, found '+'"),
        ("nul", "line 1, column 1: expected a value, found 'n'"),
        ("{} x", "line 1, column 4: expected the end of the file, found 'x'"),
        ("\"a", "line 1, column 3: the file ends where '\"' is expected"),
        ("\"a\nb\"", "line 1, column 3: a control character in a string must be escaped"),
        (#""\x""#, "line 1, column 3: expected an escape, found 'x'"),
        (#""\u12g4""#, "line 1, column 6: expected a hexadecimal digit, found 'g'"),
        (#""\ud800""#, "line 1, column 8: half a surrogate pair"),
        (#""\udc00\ud800""#, "line 1, column 8: half a surrogate pair"),
        (#""\ud800\u0041""#, "line 1, column 14: half a surrogate pair"),
        (String(repeating: "[", count: 100_000), "line 1, column 65: nested deeper than 64 levels"),
        ("'a'", "line 1, column 1: expected a value, found '''"),
        ("é", "line 1, column 1: expected a value, found byte 0xc3"),
    ]

    @Test(arguments: broken)
    func syntaxErrors(json: String, expected: String) {
        #expect(faults(json) == [expected])
    }

    @Test func stringsAreCheckedAsUTF8() {
        #expect(
            throws: ShardMapError(faults: [.init(place: "line 1, column 2", message: "the string is not valid UTF-8")])
        ) {
            try ShardMap(json: [UInt8(ascii: "[")] + Array("\"".utf8) + [0xff, 0xfe] + Array("\"]".utf8))
        }
    }

    @Test func aByteOrderMarkAndEscapesAreRead() throws {
        let map = try map(
            "\u{feff}" + #" {"num\u0053hards":1,"nodes":{"\ud83d\ude00":{"address":"h","port":1}},"shards":{}}"#
        )
        #expect(map.nodeNames == ["😀"])
    }

    @Test func theSummaryIsOneLine() {
        let error = ShardMapError(faults: [.init(place: "a", message: "b"), .init(place: "c", message: "d")])
        #expect(error.description == "a: b\nc: d")
        #expect(error.summary == "a: b (and 1 more)")
    }

    @Test func aHostileNameIsCutInMessages() {
        let json = Self.text(shards: "\"1\":[\"\(String(repeating: "x", count: 1 << 20))\"]")
        #expect(faults(json).allSatisfy { $0.utf8.count < 200 } && !faults(json).isEmpty)
    }
}

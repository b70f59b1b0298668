import Testing

@testable import ShardKVCommand

@Suite struct OutputTests {
    @Test func aTableIsAsWideAsItsCells() {
        var table = TextTable(header: ["NODE", "KEYS"])
        table.append(["n1", "5"])
        table.append(["a-long-name", ""])
        #expect(table.text == "NODE         KEYS\nn1           5\na-long-name  \n")
    }

    @Test func aFailureIsOneLine() {
        #expect(CommandFailure("UNAVAILABLE: a\nb\u{1b}[31m\u{9b}").line == "error: UNAVAILABLE: a b [31m ")
    }
}

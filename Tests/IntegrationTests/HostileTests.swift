import Foundation
import ShardKV
import Testing

extension ProcessTests {
    /// What may arrive on an open port.
    @Suite(.serialized)
    struct HostileTests {
        @Test func garbageHurtsNobody() async throws {
            let cluster = try Cluster(nodes: 1, shards: [[1]])
            try await cluster.waitReady()
            let port = cluster.port("n1")
            #expect(try await cluster.set("k", "v").exitCode == 0)

            let preface = Array("ShardKV".utf8) + [1]
            func header(_ length: UInt32, type: UInt8, code: UInt16 = 0) -> [UInt8] {
                withUnsafeBytes(of: length.littleEndian, Array.init) + [type, 0]
                    + withUnsafeBytes(of: code.littleEndian, Array.init) + [1, 0, 0, 0, 0, 0, 0, 0]
            }
            var generator = SystemRandomNumberGenerator()
            var attacks: [[UInt8]] = [
                Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8),
                [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03],
                Array("ShardKV".utf8) + [99],
                preface + header(.max, type: 2), preface + header(.max - 15, type: 200),
                preface + header(100, type: 2) + [1, 2, 3],
                preface + header(4, type: 2) + [0xff, 0xff, 0xff, 0xff], preface + header(0, type: 3),
                preface + header(0, type: 1),
            ]
            for _ in 0..<50 {
                attacks.append((0..<Int.random(in: 1...2000)).map { _ in UInt8.random(in: 0...255, using: &generator) })
                attacks.append(
                    preface + (0..<Int.random(in: 1...2000)).map { _ in .random(in: 0...255, using: &generator) }
                )
            }
            for attack in attacks {
                let connection = try RawConnection(port)
                connection.send(attack)
                connection.close()
            }
            // A wrong preface is answered and ended, not left hanging.
            let connection = try RawConnection(port)
            connection.send(Array("GET / HTTP/1.1\r\n\r\n".utf8))
            #expect(!connection.receiveAll().isEmpty)
            #expect(cluster.server("n1").process.isRunning)
            #expect(try await cluster.get("k").text == "v")
        }

        @Test func aClientThatNeverReadsCostsABoundedAmount() async throws {
            let cluster = try Cluster(nodes: 1, shards: [[1]])
            try await cluster.waitReady()
            let value = String(repeating: "x", count: 4 << 20)
            let stored = try await cluster.shell(["set k \(value)"], "--timeout", "30s")
            #expect(stored == ["OK"])
            let before = residentBytes(cluster.server("n1").identifier)

            // 20,000 Gets of 4 MiB each would be 80 GB of responses.
            let request: [UInt8] = [3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0x0a, 1, UInt8(ascii: "k")]
            let connection = try RawConnection(cluster.port("n1"))
            connection.send(Array("ShardKV".utf8) + [1])
            connection.send(Array(repeating: request, count: 20_000).flatMap { $0 }, waits: false)
            for _ in 0..<5 { #expect(try await cluster.get("k", "--timeout", "30s").output.count == 4 << 20) }
            #expect(residentBytes(cluster.server("n1").identifier) - before < 128 << 20)
            connection.close()
        }

        @Test func idleConnectionsByTheThousand() async throws {
            var limit = rlimit()
            getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            limit.rlim_cur = min(limit.rlim_max, 20_000)
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            let count = min(5000, Int(limit.rlim_cur) - 500)

            let cluster = try Cluster(nodes: 1, shards: [[1]])
            try await cluster.waitReady()
            let before = residentBytes(cluster.server("n1").identifier)
            var connections: [RawConnection] = []
            for index in 0..<count {
                let connection = try RawConnection(cluster.port("n1"))
                // Some say nothing, some are half-way through the preface, some are established.
                connection.send(Array((Array("ShardKV".utf8) + [1]).prefix([0, 3, 8][index % 3])))
                connections.append(connection)
            }
            // A client in this process: starting another one would hand it all these sockets.
            let client = try ShardKVClient(configuration: .init(shardMap: .file(path: cluster.mapPath)))
            try await client.set("k", "v", timeout: .seconds(10))
            #expect(try await client.get("k", timeout: .seconds(10)) == Array("v".utf8))
            await client.close()
            #expect(residentBytes(cluster.server("n1").identifier) - before < 64 << 20, "of \(count) idle connections")
            connections.removeAll()
        }
    }
}

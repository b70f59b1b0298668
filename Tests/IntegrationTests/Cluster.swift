import Foundation
import Testing

/// Real servers on free loopback ports, and the shard map file that they follow. Used by one task at a time.
final class Cluster: @unchecked Sendable {
    let directory: URL
    let nodes: [String]
    private let ports: [String: Int]
    private let shardCount: Int
    private(set) var servers: [String: RunningProcess] = [:]
    private let options: [String]

    var mapPath: String { directory.appendingPathComponent("map.json").path }

    /// Writes the map of `shards` (the members of shard 1, 2, …) and starts a server for each node.
    init(nodes: Int, shards: [[Int]], options: [String] = [], starts: Bool = true) throws {
        self.nodes = (1...nodes).map { "n\($0)" }
        self.options = options
        shardCount = shards.count
        ports = Dictionary(uniqueKeysWithValues: zip(self.nodes, try freePorts(nodes)))
        directory = FileManager.default.temporaryDirectory.appendingPathComponent(
            "shardkv-cluster-\(UUID().uuidString)"
        )
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        try writeMap(shards)
        if starts { for node in self.nodes { try start(node) } }
    }

    deinit {
        servers.removeAll()
        try? FileManager.default.removeItem(at: directory)
    }

    /// What the servers wrote, for the message of a failed expectation.
    var logs: String { servers.sorted { $0.key < $1.key }.map { "\($0): \($1.errors)" }.joined(separator: "\n") }

    func port(_ node: String) -> Int { ports[node]! }
    func server(_ node: String) -> RunningProcess { servers[node]! }

    func start(_ node: String, map: String? = nil, options: [String] = []) throws {
        servers[node] = try RunningProcess(
            ["server", "--shardmap", map ?? mapPath, "--node", node] + self.options + options
        )
    }

    /// The map of the seed's form in which shard i belongs to `shards[i - 1]`.
    func mapText(_ shards: [[Int]], nodes: [String]? = nil) -> String {
        let nodeList = (nodes ?? self.nodes).map {
            "\"\($0)\": {\"address\": \"127.0.0.1\", \"port\": \(ports[$0]!)}"
        }
        let shardList = shards.enumerated().map { index, members in
            "\"\(index + 1)\": [\(members.map { "\"n\($0)\"" }.joined(separator: ", "))]"
        }
        return """
            {"numShards": \(shards.count), "nodes": {\(nodeList.joined(separator: ", "))},
             "shards": {\(shardList.joined(separator: ", "))}}
            """
    }

    func writeMap(_ shards: [[Int]], nodes: [String]? = nil, to path: String? = nil) throws {
        try Data(mapText(shards, nodes: nodes).utf8).write(to: URL(fileURLWithPath: path ?? mapPath), options: .atomic)
    }

    func waitReady(map: String? = nil) async throws {
        let result = try await shardkv("status", "--shardmap", map ?? mapPath, "--wait-ready", "60")
        try #require(result.exitCode == 0, "not ready: \(result.text) \(result.errors)\n\(logs)")
    }

    @discardableResult
    func set(_ key: String, _ value: String, _ more: String...) async throws -> Finished {
        try await RunningProcess(["set", key, value, "--shardmap", mapPath] + more).finish()
    }

    func get(_ key: String, _ more: String...) async throws -> Finished {
        try await RunningProcess(["get", key, "--shardmap", mapPath] + more).finish()
    }

    /// Runs shell commands, a line each, and returns the lines that came back.
    func shell(_ commands: [String], _ more: String...) async throws -> [String] {
        let input = Array((commands.joined(separator: "\n") + "\n").utf8)
        let result = try await RunningProcess(["shell", "--shardmap", mapPath] + more, input: input).finish()
        #expect(result.exitCode == 0, "\(result.errors)")
        return result.text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
    }

    /// What a node says when it is asked for its status, as JSON.
    func status() async throws -> String {
        try await shardkv("status", "--shardmap", mapPath, "--json").text
    }
}

/// Ports that were free a moment ago.
func freePorts(_ count: Int) throws -> [Int] {
    var sockets: [Int32] = []
    defer { for socket in sockets { close(socket) } }
    return try (0..<count).map { _ in
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        sockets.append(socket)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let port = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic -> Int? in
                guard bind(socket, generic, length) == 0, getsockname(socket, generic, &length) == 0 else { return nil }
                return Int(UInt16(bigEndian: pointer.pointee.sin_port))
            }
        }
        return try #require(port)
    }
}

/// Asks again and again until `condition` holds; fails after far longer than any healthy run takes.
func eventually(
    _ what: String,
    within seconds: Double = 60,
    _ condition: () async throws -> Bool
) async throws {
    let deadline = Date().addingTimeInterval(seconds)
    while try await !condition() {
        try #require(Date() < deadline, "\(what) did not come true")
        try await Task.sleep(for: .milliseconds(20))
    }
}

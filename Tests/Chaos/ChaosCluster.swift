internal import Foundation
internal import KVHistory
internal import KVSharding
internal import NIOCore
internal import Synchronization

/// The processes of a run with their links and map files: what faults are done to.
final class ChaosCluster: Sendable {
    let scenario: Scenario
    let observer: Observer
    private let directory: URL
    private let links: Links
    private let servers: [String: ServerProcess]
    private let clients: [String: LoadClient]
    private let delivered: Mutex<[String: UInt64]>
    private let recorder: Recorder

    init(
        _ scenario: Scenario,
        binary: String,
        serverOptions: [String],
        directory: URL,
        recorder: Recorder,
        on group: any EventLoopGroup
    ) async throws {
        self.scenario = scenario
        self.directory = directory
        self.recorder = recorder
        for folder in ["maps", "logs"] {
            let path = directory.appendingPathComponent(folder)
            try FileManager.default.createDirectory(at: path, withIntermediateDirectories: true)
        }
        let sources = scenario.nodes + scenario.clients.map(\.name)
        let links = try await Links(sources: sources, nodes: scenario.nodes, on: group)
        self.links = links
        observer = Observer(nodes: scenario.nodes, series: scenario.series, recorder: recorder, on: group)
        servers = Dictionary(
            uniqueKeysWithValues: scenario.nodes.map { node in
                let server = ServerProcess(
                    node: node,
                    binary: binary,
                    mapPath: directory.appendingPathComponent("maps/\(node).json").path,
                    logPath: directory.appendingPathComponent("logs/\(node).log").path,
                    options: ["--clock-offset-ms=\(scenario.clockOffsets[node]!)"] + scenario.serverOptions
                        + serverOptions
                )
                return (node, server)
            }
        )
        var clients: [String: LoadClient] = [:]
        for client in scenario.clients {
            clients[client.name] = LoadClient(
                client,
                contents: scenario.contents,
                map: try scenario.series.map(1, addresses: links.addresses(of: client.name)),
                recorder: recorder,
                on: group
            )
        }
        self.clients = clients
        delivered = Mutex(Dictionary(uniqueKeysWithValues: sources.map { ($0, 1) }))
        for node in scenario.nodes { try writeMap(1, of: node) }
    }

    var loadClients: [LoadClient] { clients.values.sorted { $0.name < $1.name } }

    /// Nodes whose process ended by itself.
    var died: [String] { servers.values.filter(\.hasDied).map(\.node).sorted() }

    func start(_ node: String) async throws {
        let step = recorder.progress.begin("\(node) starts")
        defer { recorder.progress.end(step) }
        let port = try await servers[node]!.start()
        links.lead(to: node, port: port)
        observer.found(node, at: port)
    }

    func startAll() async throws {
        try await withThrowingTaskGroup { group in
            for node in scenario.nodes { group.addTask { try await self.start(node) } }
            try await group.waitForAll()
        }
    }

    func kill(_ node: String) async {
        let step = recorder.progress.begin("\(node) is killed")
        defer { recorder.progress.end(step) }
        await servers[node]!.kill()
    }

    func stop(_ node: String) { servers[node]!.signal(SIGSTOP) }

    func resume(_ node: String) { servers[node]!.signal(SIGCONT) }

    /// What a fault in links does, and `undo` takes back.
    func apply(_ fault: Fault) {
        switch fault {
        case .cut(let names, let directions, _, _): for name in names { links[name].cut(directions) }
        case .delay(let names, let by, _): for name in names { links[name].delay(milliseconds: by) }
        case .kill, .stop, .map: break
        }
    }

    func undo(_ fault: Fault) {
        switch fault {
        case .cut(let names, _, _, let resets): for name in names { links[name].mend(resets: resets) }
        case .delay(let names, _, _): for name in names { links[name].mend(resets: false) }
        case .kill, .stop, .map: break
        }
    }

    /// A process sees a map, unless it has seen a newer one.
    func deliver(_ epoch: UInt64, to name: String) throws {
        // Under the lock: of two maps at once the newer one has to be the last.
        try delivered.withLock { delivered in
            if delivered[name]! >= epoch { return }
            delivered[name] = epoch
            if let client = clients[name] {
                client.follow(try scenario.series.map(epoch, addresses: links.addresses(of: name)))
            } else {
                try writeMap(epoch, of: name)
            }
        }
    }

    /// All links whole, all processes running and following the last map.
    func heal() async throws {
        links.mendAll()
        for server in servers.values { server.signal(SIGCONT) }
        for name in scenario.nodes + clients.keys { try deliver(UInt64(scenario.series.maps.count), to: name) }
    }

    func end() async {
        let step = recorder.progress.begin("connections are closed")
        defer { recorder.progress.end(step) }
        for client in clients.values { await client.close() }
        await observer.close()
        for node in scenario.nodes { await kill(node) }
        await links.close()
    }

    private func writeMap(_ epoch: UInt64, of node: String) throws {
        let map = try scenario.series.map(epoch, addresses: links.addresses(of: node))
        let path = directory.appendingPathComponent("maps/\(node).json")
        try Data(map.json().utf8).write(to: path, options: .atomic)
        try Data(map.json().utf8).write(to: directory.appendingPathComponent("maps/\(node).\(epoch).json"))
    }
}

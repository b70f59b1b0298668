internal import KVHistory
internal import KVService
package import KVWire

/// Messages between processes, and what the network does to them.
extension Cluster {
    /// Sends a request, and hands over the answer, or the error that a caller would see.
    package func send<Request: RequestMessage>(
        _ request: Request,
        from sender: String,
        to name: String,
        timeoutMilliseconds: UInt64,
        _ done: @escaping (Result<Request.Response, RPCError>) -> Void
    ) {
        var isDone = false
        func finish(_ result: Result<Request.Response, RPCError>) {
            if isDone { return }
            isDone = true
            done(result)
        }
        // What comes twice is executed twice, but only the first answers: TCP repeats nothing, so that no error can overtake the
        // answer of what was executed.
        var hasArrived = false
        // A connection leads to one life of a process.
        let connected = processes[name]
        after(timeoutMilliseconds) {
            finish(.failure(RPCError(.deadlineExceeded, "no answer from \(name)", reason: .indeterminate)))
        }
        transmit(Link(sender, name)) { [self] in
            guard let process = processes[name] else {
                let reason = connected == nil ? Reason.refused : .indeterminate
                let error = RPCError(.unavailable, "\(name) refuses connections", reason: reason)
                return transmit(Link(name, sender)) { finish(.failure(error)) }
            }
            if let connected, connected !== process {
                let error = RPCError(.unavailable, "the connection to \(name) is lost", reason: .indeterminate)
                return transmit(Link(name, sender)) { finish(.failure(error)) }
            }
            process.whenAwake { [self] in
                guard processes[name] === process else { return }
                let result = process.answer(request, wall: wall(name))
                perform(name, process)
                if !hasArrived { transmit(Link(name, sender)) { finish(result) } }
                hasArrived = true
            }
        }
    }

    private func transmit(_ link: Link, _ arrive: @escaping () -> Void) {
        if network.stops(arrive, on: link) || random.chance(network.conditions.lossProbability) { return }
        after(UInt64.random(in: network.delay(link), using: &random), arrive)
        if random.chance(network.conditions.duplicationProbability) {
            after(UInt64.random(in: network.delay(link), using: &random), arrive)
        }
    }

    /// - Parameter holds: what is sent meanwhile arrives when the link is mended.
    package func cut(_ link: Link, holds: Bool) { network.cut(link, holds: holds) }

    package func mend(_ link: Link) {
        for message in network.mend(link) {
            after(UInt64.random(in: network.delay(link), using: &random), message)
        }
    }

    /// No link is cut or slow any more, and no message is lost.
    package func mendAll() {
        network.conditions.lossProbability = 0
        network.slow = [:]
        for link in network.cutLinks { mend(link) }
    }

    /// Makes a call of a node's replication.
    func send(_ call: PeerCall, from name: String, _ process: Process) {
        func make<Request: RequestMessage>(_ request: Request, _ wrap: @escaping (Request.Response) -> PeerResponse) {
            let timeout = UInt64(call.timeoutMilliseconds)
            send(request, from: name, to: call.node, timeoutMilliseconds: timeout) { [self] result in
                process.whenAwake { [self] in
                    guard processes[name] === process else { return }
                    process.node.replied(call.token, result.map(wrap), now: wall(name))
                    perform(name, process)
                }
            }
        }
        switch call.request {
        case .exchange(let request): make(request, PeerResponse.exchange)
        case .activate(let request): make(request, PeerResponse.activate)
        case .compare(let request): make(request, PeerResponse.compare)
        case .digests(let request): make(request, PeerResponse.digests)
        case .versions(let request): make(request, PeerResponse.contents)
        case .records(let request): make(request, PeerResponse.contents)
        case .contents(let request): make(request, PeerResponse.contents)
        case .changes(let request): make(request, PeerResponse.changes)
        }
    }
}

import KVCore
import KVSharding
import KVWire
import Synchronization

extension FakeCluster {
    /// A request, and all that its answer depends on.
    private struct Question {
        let header: FrameHeader
        let asked: AskedRequest
        let node: String
        /// The node's, of the shard that the request is about.
        var view: View
        /// The nodes' clock.
        let clock: UInt64

        var isForOwner: Bool { view.members.contains { $0.node == node } }

        /// The client was not told the shard's view, or told another one.
        var isByAnotherView: Bool {
            isForOwner && asked.view != ViewIdentifier.none && asked.view != view.identifier
        }
    }

    /// A node received a request. Nil = it never answers.
    func received(_ header: FrameHeader, _ payload: [UInt8], at node: String, now: UInt64, wall: UInt64) -> Reaction? {
        state.withLock { state in
            guard let asked = AskedRequest(header, payload),
                let view = state.views[node]?[asked.toldView?.shard ?? map.shard(ofKey: asked.key)]
            else {
                return Reaction(bytes: refuse(header, payload, at: node, &state))
            }
            let question = Question(header: header, asked: asked, node: node, view: view, clock: clock(wall))
            if question.isByAnotherView, !state.peekAction(node, asked.event).isSilent {
                // How clients learn a view: no attempt.
                return Reaction(bytes: answer(question, &state))
            }
            let action = state.takeAction(node, asked.event)
            if state.first == nil { state.first = node }
            var request = Request(
                command: state.command,
                node: node,
                event: asked.event,
                arrivedAt: now,
                timeoutMilliseconds: header.auxiliary,
                version: asked.version,
                expiresAt: asked.expiresAt
            )
            defer { state.requests.append(request) }
            if case .hang = action.kind { return nil }
            if case .superseded(let ahead) = action.kind {
                request.superseding = Version(time: asked.version.time + ahead << 16, writer: 1)
            }
            var reaction = perform(action.kind, question, superseding: request.superseding, &state)
            reaction.delayMilliseconds = action.delayMilliseconds
            reaction.isDripping = action.isDripping
            if action.isNoisy { reaction.bytes = noise(header) + reaction.bytes }
            request.answeredAt = now + UInt64(action.delayMilliseconds)
            return reaction
        }
    }

    private func perform(
        _ kind: FaultAction.Kind,
        _ question: Question,
        superseding: Version?,
        _ state: inout State
    ) -> Reaction {
        let header = question.header
        switch kind {
        case .honest, .hang:
            return Reaction(bytes: answer(question, &state))
        case .value(let value):
            let message = GetResponse(value: value ?? [], wasFound: value != nil)
            return Reaction(bytes: frame(.response, id: header.requestID, message))
        case .superseded:
            let message = MutationResponse(superseded: superseding ?? .none)
            return Reaction(bytes: frame(.response, id: header.requestID, message))
        case .error(var error, let offset, let tellsView):
            error.serverTimeMilliseconds = UInt64(Int64(question.clock) + offset)
            if tellsView { error.view = question.view }
            return Reaction(bytes: response(header, error))
        case .cut(let executes):
            if executes { _ = answer(question, &state) }
            return Reaction(closes: true)
        case .serve(let view):
            serve(view, at: question.node, &state)
            var question = question
            question.view = state.views[question.node]![question.view.shard]!
            return Reaction(bytes: answer(question, &state))
        case .half:
            let whole = answer(question, &state)
            return Reaction(bytes: Array(whole.prefix(whole.count / 2)), closes: true)
        case .goAway(let error, let answers):
            let rest = answers ? answer(question, &state) : []
            return Reaction(bytes: frame(.goAway, error) + rest, closes: true)
        }
    }

    /// What a node answers that nothing is wrong with.
    private func answer(_ question: Question, _ state: inout State) -> [UInt8] {
        if let told = question.asked.toldView {
            state.views[question.node]?[told.shard] = newer(question.view, told)
            return frame(.response, id: question.header.requestID, newer(question.view, told))
        }
        if !question.isForOwner {
            let what = "\(question.node) has nothing of it"
            return response(question.header, RPCError(.notFound, what, reason: .notHosted, view: question.view))
        }
        if question.isByAnotherView {
            return response(
                question.header,
                RPCError(.aborted, "by another view", reason: .wrongView, view: question.view)
            )
        }
        let message = state.stores[question.node, default: FakeStore()].perform(question.asked, clock: question.clock)
        return frame(.response, id: question.header.requestID, message)
    }

    /// The one of the greater epoch; of the same epoch, the greater incarnation of each member.
    private func newer(_ own: View, _ told: View) -> View {
        if told.epoch != own.epoch { return told.epoch > own.epoch ? told : own }
        var merged = own
        for index in own.members.indices {
            let other = told.members.first { $0.node == own.members[index].node }
            merged.members[index].incarnation = max(own.members[index].incarnation, other?.incarnation ?? 0)
        }
        return merged
    }

    /// A request that the scenarios do not play. Legal ones are for clients to do without, others are the client's fault.
    private func refuse(_ header: FrameHeader, _ payload: [UInt8], at node: String, _ state: inout State) -> [UInt8] {
        let name = Method.all.first { $0.method.rawValue == header.code }?.name
        if name == nil || NodeEvent(method: header.code) != nil {
            state.violations.append("\(node) got a request of \(name ?? "method \(header.code)") that does not decode")
        }
        return response(header, RPCError(.unimplemented, "a fake node does not play \(name ?? "this")"))
    }

    /// Frames that a client skips.
    private func noise(_ header: FrameHeader) -> [UInt8] {
        let stray = GetResponse(value: [1, 2, 3], wasFound: true)
        let ofLaterVersion: [UInt8] = [3, 0, 0, 0, 77] + [UInt8](repeating: 0, count: 11) + [1, 2, 3]
        return frame(FrameHeader(type: .cancel, requestID: header.requestID), [])
            + frame(.response, id: header.requestID &+ 0x4000_0000, stray)
            + frame(FrameHeader(type: .ping, requestID: 7), [])
            + ofLaterVersion
    }
}

internal import Synchronization

/// The nodes that lately did not answer: reads ask them last.
///
/// After `avoidMilliseconds` one read may try such a node again in its normal place, the others go on avoiding it;
/// an answer ends the avoidance. Nodes that are well cost one atomic load.
package final class NodeHealth: Sendable {
    package static let avoidMilliseconds: UInt64 = 2000
    /// How long the others wait for the outcome of a probe.
    package static let probeMilliseconds: UInt64 = 500

    private let suspectCount = Atomic(0)
    private let avoidedUntil = Mutex<[String: UInt64]>([:])

    package init() {}

    package func answered(_ node: String) {
        guard suspectCount.load(ordering: .relaxed) > 0 else { return }
        avoidedUntil.withLock { avoidedUntil in
            avoidedUntil[node] = nil
            suspectCount.store(avoidedUntil.count, ordering: .relaxed)
        }
    }

    package func failed(_ node: String, now: UInt64) {
        avoidedUntil.withLock { avoidedUntil in
            avoidedUntil[node] = now + Self.avoidMilliseconds
            suspectCount.store(avoidedUntil.count, ordering: .relaxed)
        }
    }

    /// It did not answer lately, and has not since.
    package func isAvoided(_ node: String) -> Bool { avoidedUntil.withLock { $0[node] != nil } }

    /// Forgets nodes that the shard map does not list any more.
    package func keep(_ isListed: (String) -> Bool) {
        avoidedUntil.withLock { avoidedUntil in
            avoidedUntil = avoidedUntil.filter { isListed($0.key) }
            suspectCount.store(avoidedUntil.count, ordering: .relaxed)
        }
    }

    /// `members` without those to avoid now, and those; a node that is due for a probe counts as well, once.
    /// Nil = all are well, the usual case.
    package func split(_ members: [String], now: UInt64) -> (well: [String], avoided: [String])? {
        guard suspectCount.load(ordering: .relaxed) > 0 else { return nil }
        return avoidedUntil.withLock { avoidedUntil in
            var (well, avoided) = ([String](), [String]())
            for member in members {
                guard let until = avoidedUntil[member] else {
                    well.append(member)
                    continue
                }
                if now < until {
                    avoided.append(member)
                } else {
                    avoidedUntil[member] = now + Self.probeMilliseconds
                    well.append(member)
                }
            }
            return avoided.isEmpty ? nil : (well, avoided)
        }
    }
}

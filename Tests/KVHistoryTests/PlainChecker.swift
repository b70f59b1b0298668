import KVCore

@testable import KVHistory

/// The promises word by word: every operation is held against every other one.
enum PlainChecker {
    static func violations(_ history: History, _ promises: Promises) -> Set<Pair> {
        var found: Set<Pair> = []
        func mayBeDropped(_ span: Span) -> Bool { history.drops.contains { span.begin <= $0.span.end } }
        let acknowledged = history.writes.filter { $0.outcome == .acknowledged && !mayBeDropped($0.span) }
        let tolerance = promises.clockToleranceMilliseconds

        func stamp(_ version: Version) -> (write: Write, expiresAt: UInt64)? {
            for write in history.writes {
                for stamp in write.stamps where stamp.version == version { return (write, stamp.expiresAt) }
            }
            return nil
        }
        func isPast(_ expiresAt: UInt64, by time: UInt64) -> Bool {
            expiresAt > 0 && (expiresAt - min(tolerance, expiresAt)) * 1000 <= time
        }
        /// Something at least as new may have left no record by the end of `span`.
        func mayBeGone(_ version: Version, _ span: Span) -> Bool {
            history.writes.contains { write in
                write.outcome != .failed && write.span.begin <= span.end
                    && write.stamps.contains { stamp in
                        stamp.version >= version
                            && (write.value == nil || isPast(stamp.expiresAt, by: span.end))
                    }
            }
        }
        func knows(_ record: Record, _ version: Version, _ span: Span) -> Bool {
            record.version >= version || (record.version.isNone && mayBeGone(version, span))
        }
        func fault(_ record: Record, _ span: Span) -> Violation.Kind? {
            if record == .none { return nil }
            guard let (write, expiresAt) = stamp(record.version) else { return .invented }
            let isRight =
                switch record.kind {
                case .live: write.value == record.value && expiresAt == record.expiresAt
                case .deleted: write.value == nil
                case .expired: write.value != nil && expiresAt > 0
                }
            if !isRight { return .invented }
            if write.outcome == .failed { return .failedWriteSeen }
            if span.end < write.span.begin { return .seenTooEarly }
            if record.kind == .live, expiresAt > 0, (expiresAt + tolerance) * 1000 <= span.begin {
                return .expiredValue
            }
            if record.kind == .expired, !isPast(expiresAt, by: span.end) { return .earlyExpiry }
            let isDropped = history.drops.contains { write.span.precedes($0.span) && $0.span.precedes(span) }
            return record.kind == .live && isDropped ? .resurrection : nil
        }
        func check(
            _ record: Record,
            _ span: Span,
            _ subject: Violation.Subject,
            level: Level,
            missing: Violation.Kind
        ) {
            if let fault = fault(record, span) { found.insert(Pair(fault, subject)) }
            let missed = acknowledged.filter { write in
                level.sees(write.level) && write.span.precedes(span)
                    && !knows(record, write.acknowledgedVersion!, span)
            }
            guard let newest = missed.max(by: { $0.acknowledgedVersion! < $1.acknowledgedVersion! }) else { return }
            let deadline = newest.stamps.last!.expiresAt
            let isOver = newest.value == nil || (deadline > 0 && (deadline + tolerance) * 1000 <= span.begin)
            let mayHaveVanished = mayBeGone(newest.acknowledgedVersion!, span)
            if missing == .lostWrite && mayHaveVanished && record.kind != .live { return }
            found.insert(Pair(isOver && record.kind == .live ? .resurrection : missing, subject))
        }

        for (index, write) in history.writes.enumerated() {
            let deadline = write.stamps.last!.expiresAt
            if write.value != nil, deadline > 0, write.span.end != Span.never,
                deadline * 1000 > write.span.end + (write.ttlMilliseconds + tolerance) * 1000
            {
                found.insert(Pair(.longerLife, .write(index)))
            }
            guard let version = write.acknowledgedVersion else { continue }
            for other in acknowledged
            where write.level.sees(other.level) && other.span.precedes(write.span)
                && version < other.acknowledgedVersion!
            {
                found.insert(Pair(.lostOrder, .write(index)))
            }
            for read in history.reads
            where promises.writesFollowReads && write.level != .one && read.level != .one
                && !mayBeDropped(read.span) && read.span.precedes(write.span) && version < read.record.version
            {
                found.insert(Pair(.writeBelowRead, .write(index)))
            }
        }
        for (index, read) in history.reads.enumerated() {
            if read.level != .one || promises.oneSeesAll {
                check(read.record, read.span, .read(index), level: read.level, missing: .staleRead)
            } else if let fault = fault(read.record, read.span) {
                found.insert(Pair(fault, .read(index)))
            }
            for other in history.reads
            where promises.quorumReadsAreMonotone && read.level != .one && other.level != .one
                && !mayBeDropped(other.span) && other.span.precedes(read.span)
                && !knows(read.record, other.record.version, read.span)
            {
                found.insert(Pair(.readWentBack, .read(index)))
            }
        }
        for (index, copy) in history.copies.enumerated() {
            check(copy.record, copy.span, .copy(index), level: .quorum, missing: .lostWrite)
            for other in history.copies
            where copy.record.version < other.record.version
                && !history.copies.contains(where: { $0.record.version > other.record.version })
            {
                let cause = stamp(other.record.version)
                let isOver = cause.map { $0.write.value == nil || isPast($0.expiresAt, by: copy.span.end) } ?? false
                let hasValue = !copy.record.version.isNone && copy.record.kind == .live
                if !hasValue, isOver { continue }
                found.insert(Pair(.replicasDiffer, .copy(index)))
            }
        }
        return found
    }

    /// A violation without its text.
    struct Pair: Hashable {
        var kind: Violation.Kind
        var subject: Violation.Subject

        init(_ kind: Violation.Kind, _ subject: Violation.Subject) {
            self.kind = kind
            self.subject = subject
        }
    }
}

internal import KVCore

/// Checks what was done to one key, and seen of it. Versions order the writes, so nothing needs to be searched for: each
/// operation is compared with the greatest version that it must know of.
struct KeyChecker {
    private let history: KeyHistory
    let promises: Promises
    /// Which write a version is of, and the deadline that it gave the value.
    private(set) var stamped: [Version: (index: Int, write: Write, expiresAt: UInt64)] = [:]
    /// What was acknowledged, by the time of its acknowledgement: to whom reads and writes of a level owe it.
    private let acknowledged: [Frontier]
    /// What was returned by reads at `quorum` and `all`.
    private let returned: Frontier
    /// Deletes, and values whose deadline may have passed, by the time from which their key may be without a record.
    private let vanished: Frontier
    private(set) var violations: [Violation] = []

    init(_ history: KeyHistory, _ promises: Promises) {
        self.history = history
        self.promises = promises
        // What was under way while its shard was dropped may be gone with it.
        let dropped = history.drops.map(\.end).max() ?? 0
        acknowledged = Level.allCases.map { level in
            Frontier(
                history.writes.lazy.filter { level.sees($0.write.level) && $0.write.span.begin > dropped }.compactMap {
                    entry in
                    entry.write.acknowledgedVersion.map { (entry.write.span.end, $0) }
                }
            )
        }
        returned = Frontier(
            history.reads.lazy.filter { $0.read.level != .one && $0.read.span.begin > dropped }.map {
                ($0.read.span.end, $0.read.record.version)
            }
        )
        vanished = Frontier(
            history.writes.lazy.filter { $0.write.outcome != .failed }.flatMap { entry in
                entry.write.stamps.compactMap { stamp -> (time: UInt64, version: Version)? in
                    if entry.write.value == nil { return (entry.write.span.begin, stamp.version) }
                    if stamp.expiresAt == 0 { return nil }
                    return (max(entry.write.span.begin, promises.earliestEnd(of: stamp.expiresAt)), stamp.version)
                }
            }
        )
        for entry in history.writes { check(entry.write, entry.index) }
        for entry in history.reads { check(entry.read, entry.index) }
        for entry in history.copies { check(entry.copy, entry.index) }
        compareCopies()
    }

    /// What an operation at `level` that begins at `time` has to know of.
    private func owed(to level: Level, at time: UInt64) -> Version {
        acknowledged[Int(level.rawValue)].before(time)
    }

    private mutating func check(_ write: Write, _ index: Int) {
        for stamp in write.stamps {
            if let other = stamped[stamp.version], other.index != index {
                report(.versionReused, .write(index), "\(write) and \(other.write)")
            }
            stamped[stamp.version] = (index, write, stamp.expiresAt)
        }
        if write.value != nil, write.stamps.contains(where: { promises.isLonger($0.expiresAt, than: write) }) {
            report(.longerLife, .write(index), "\(write)")
        }
        guard let version = write.acknowledgedVersion else { return }
        let owed = owed(to: write.level, at: write.span.begin)
        if version < owed {
            report(.lostOrder, .write(index), "\(write) came after the acknowledgement of version @\(owed.short)")
        }
        if promises.writesFollowReads, write.level != .one {
            let read = returned.before(write.span.begin)
            if version < read {
                report(.writeBelowRead, .write(index), "\(write) came after a read of version @\(read.short)")
            }
        }
    }

    private mutating func check(_ read: Read, _ index: Int) {
        let isOwed = read.level != .one || promises.oneSeesAll
        let owed = isOwed ? owed(to: read.level, at: read.span.begin) : .none
        check(read.record, owed, missing: .staleRead, read.span, .read(index), "\(read)")
        guard promises.quorumReadsAreMonotone, read.level != .one else { return }
        let earlier = returned.before(read.span.begin)
        if !reaches(read.record, earlier, read.span) {
            report(.readWentBack, .read(index), "\(read) came after a read of version @\(earlier.short)")
        }
    }

    private mutating func check(_ copy: Copy, _ index: Int) {
        let owed = owed(to: .quorum, at: copy.span.begin)
        check(copy.record, owed, missing: .lostWrite, copy.span, .copy(index), "\(copy)")
    }

    /// - Parameters:
    ///   - owed: the greatest version that has to be known here.
    ///   - missing: what it is if it is not.
    private mutating func check(
        _ record: Record,
        _ owed: Version,
        missing: Violation.Kind,
        _ span: Span,
        _ subject: Violation.Subject,
        _ text: String
    ) {
        if record != .none, let fault = fault(of: record, span) {
            report(fault, subject, "\(text)\(stamped[record.version].map { " of \($0.write)" } ?? "")")
        }
        if reaches(record, owed, span) { return }
        let write = stamped[owed]
        let isGone = write.map { $0.write.value == nil || promises.isOver($0.expiresAt, at: span.begin) } ?? false
        // An owner that has no value needs no marker of a write that left none, this one or a newer one.
        if missing == .lostWrite, record.kind != .live, vanished.upTo(span.end) >= owed { return }
        report(
            record.kind == .live && isGone ? .resurrection : missing,
            subject,
            "\(text) lacks \(write.map { "\($0.write)" } ?? "version @\(owed.short)")"
        )
    }

    /// The record is of `owed` or of something newer; so is no record at all, if something newer may have left none.
    private func reaches(_ record: Record, _ owed: Version, _ span: Span) -> Bool {
        record.version >= owed || (record.version.isNone && vanished.upTo(span.end) >= owed)
    }

    /// What is wrong with a record, whatever else there should be.
    private func fault(of record: Record, _ span: Span) -> Violation.Kind? {
        guard let (_, write, expiresAt) = stamped[record.version] else { return .invented }
        switch record.kind {
        case .live: if write.value != record.value || expiresAt != record.expiresAt { return .invented }
        case .deleted: if write.value != nil { return .invented }
        case .expired: if write.value == nil || expiresAt == 0 { return .invented }
        }
        if write.outcome == .failed { return .failedWriteSeen }
        if write.span.begin > span.end { return .seenTooEarly }
        if record.kind == .live, promises.isOver(expiresAt, at: span.begin) { return .expiredValue }
        if record.kind == .expired, promises.earliestEnd(of: expiresAt) > span.end { return .earlyExpiry }
        if record.kind == .live, history.drops.contains(where: { write.span.precedes($0) && $0.precedes(span) }) {
            return .resurrection
        }
        return nil
    }

    /// All owners have the same version, but for markers: an owner without a value of its own does not need another one's marker, or
    /// may have dropped it already.
    private mutating func compareCopies() {
        guard let greatest = history.copies.max(by: { $0.copy.record.version < $1.copy.record.version })?.copy else {
            return
        }
        for (index, copy) in history.copies where copy.record.version != greatest.record.version {
            let hasValue = !copy.record.version.isNone && copy.record.kind == .live
            if !hasValue, mayBeGone(greatest.record.version, by: copy.span.end) { continue }
            report(.replicasDiffer, .copy(index), "\(copy), but \(greatest)")
        }
    }

    /// The version is of a Delete, or of a value whose deadline may have passed.
    private func mayBeGone(_ version: Version, by time: UInt64) -> Bool {
        guard let (_, write, expiresAt) = stamped[version] else { return false }
        return write.value == nil || promises.earliestEnd(of: expiresAt) <= time
    }

    private mutating func report(_ kind: Violation.Kind, _ subject: Violation.Subject, _ text: String) {
        violations.append(Violation(kind, subject, text))
    }
}

extension Promises {
    private var tolerance: UInt64 { clockToleranceMilliseconds }

    /// The first moment at which a server may take the deadline for passed, in microseconds.
    func earliestEnd(of expiresAt: UInt64) -> UInt64 {
        expiresAt == 0 ? .max : Self.microseconds(expiresAt - min(expiresAt, tolerance))
    }

    /// No server may take the deadline for still to come.
    func isOver(_ expiresAt: UInt64, at microseconds: UInt64) -> Bool {
        expiresAt != 0 && Self.microseconds(expiresAt.addingSaturated(tolerance)) <= microseconds
    }

    /// The deadline is later than the write's time to live allows, whenever it was stamped.
    func isLonger(_ expiresAt: UInt64, than write: Write) -> Bool {
        if write.ttlMilliseconds == 0 { return expiresAt != 0 }
        if expiresAt == 0 { return true }
        if write.span.end == Span.never { return false }
        return Self.microseconds(expiresAt)
            > write.span.end.addingSaturated(Self.microseconds(write.ttlMilliseconds.addingSaturated(tolerance)))
    }

    private static func microseconds(_ milliseconds: UInt64) -> UInt64 {
        let (product, overflow) = milliseconds.multipliedReportingOverflow(by: 1000)
        return overflow ? .max : product
    }
}

extension UInt64 {
    fileprivate func addingSaturated(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}

internal import KVCore

// One line for each part of a history, for people.

extension Span: CustomStringConvertible {
    /// Seconds since 1970 with their fraction.
    package var description: String { "\(Self.text(begin))…\(end == Self.never ? "never" : Self.text(end))" }

    private static func text(_ microseconds: UInt64) -> String {
        let fraction = String(microseconds % 1_000_000)
        return "\(microseconds / 1_000_000).\(String(repeating: "0", count: 6 - fraction.count))\(fraction)"
    }
}

extension Record: CustomStringConvertible {
    package var description: String {
        if self == .none { return "no record" }
        let deadline = expiresAt == 0 ? "" : " until \(expiresAt)"
        return "\(kind)\(kind == .live ? " \(text(of: value))" : "")\(deadline) @\(version.short)"
    }
}

extension Write: CustomStringConvertible {
    package var description: String {
        let what = value.map { "set \(text(of: key)) \(text(of: $0))" } ?? "delete \(text(of: key))"
        let life = ttlMilliseconds == 0 ? "" : " for \(ttlMilliseconds) ms"
        let versions = stamps.map { stamp in
            "@\(stamp.version.short)\(stamp.expiresAt == 0 ? "" : " until \(stamp.expiresAt)")"
        }
        return "[\(client) \(what)\(life) at \(level): \(outcome) \(span) \(versions.joined(separator: " "))]"
    }
}

extension Read: CustomStringConvertible {
    package var description: String { "[\(client) get \(text(of: key)) at \(level): \(record) \(span)]" }
}

extension Copy: CustomStringConvertible {
    package var description: String { "[\(node) has \(text(of: key)): \(record) \(span)]" }
}

extension Serving: CustomStringConvertible {
    package var description: String {
        "[\(node) serves shard \(shard) at epoch \(epoch) of \(members.joined(separator: ",")) \(span)]"
    }
}

extension History {
    /// A line for each part, in the order of beginning.
    package var lines: [String] {
        let all =
            writes.map { ($0.span.begin, "\($0)") } + reads.map { ($0.span.begin, "\($0)") }
            + servings.map { ($0.span.begin, "\($0)") } + copies.map { ($0.span.begin, "\($0)") }
        return all.sorted { $0.0 < $1.0 }.map(\.1)
    }
}

extension Version {
    /// `MILLISECONDS.COUNTER/WRITER`, the writer shortened.
    var short: String { "\(milliseconds).\(time & 0xFFFF)/\(String(writer >> 48, radix: 16))" }
}

/// A name, and how many bytes it is filled up by.
private func text(of bytes: [UInt8]) -> String {
    let name = bytes.prefix { $0 != 0 }
    return String(decoding: name, as: UTF8.self) + (name.count < bytes.count ? "+\(bytes.count - name.count)" : "")
}

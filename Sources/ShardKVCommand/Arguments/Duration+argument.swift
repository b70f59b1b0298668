public import ArgumentParser

/// Durations as users write them: decimal numbers, each with a unit, added up: `250ms`, `1.5s`, `1m30s`. Units: ns,
/// us, ms, s, m, h. A bare number is refused, because half of its readers would take it for seconds; only `0` needs
/// no unit.
extension Duration: @retroactive ExpressibleByArgument {
    /// As `init(parsing:)`.
    public init?(argument: String) {
        self.init(parsing: argument)
    }

    /// As a user would write it.
    public var defaultValueDescription: String { shortDescription }

    init?(parsing text: String) {
        var rest = text[...]
        let isNegative = rest.first == "-"
        if isNegative || rest.first == "+" { rest.removeFirst() }
        if rest == "0" {
            self = .zero
            return
        }
        guard !rest.isEmpty else { return nil }

        var nanoseconds: Int64 = 0
        while !rest.isEmpty {
            guard let number = DecimalNumber(consuming: &rest) else { return nil }
            let unit = rest.prefix { !("0"..."9").contains($0) && $0 != "." }
            rest.removeFirst(unit.count)
            guard let unitNanoseconds = Self.unitNanoseconds(unit),
                let term = number.multiplied(by: unitNanoseconds)
            else { return nil }
            let (sum, overflow) = nanoseconds.addingReportingOverflow(term)
            guard !overflow else { return nil }
            nanoseconds = sum
        }
        self = .nanoseconds(isNegative ? -nanoseconds : nanoseconds)
    }

    /// In the largest unit that leaves a whole number: `90s`, `1500ms`; what is below a nanosecond is left out.
    var shortDescription: String {
        // 128 bits: a TTL may be longer than 64 bits of nanoseconds.
        let nanoseconds = attoseconds / 1_000_000_000
        for (name, unit) in [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1000)] as [(String, Int128)]
        where nanoseconds % unit == 0 {
            return "\(nanoseconds / unit)\(name)"
        }
        return "\(nanoseconds)ns"
    }

    /// Saturates, so that a length of time no clock lives to see stays one.
    var saturatedNanoseconds: UInt64 {
        let (seconds, attoseconds) = components
        if seconds < 0 || attoseconds < 0 { return 0 }
        let (whole, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carried) = whole.addingReportingOverflow(UInt64(attoseconds / 1_000_000_000))
        return overflow || carried ? .max : sum
    }

    var inSeconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }

    private static func unitNanoseconds(_ unit: Substring) -> Int64? {
        switch unit {
        case "ns": 1
        case "us", "µs", "μs": 1000
        case "ms": 1_000_000
        case "s": 1_000_000_000
        case "m": 60_000_000_000
        case "h": 3_600_000_000_000
        default: nil
        }
    }
}

import ArgumentParser

/// A number of bytes as users write it: `4096`, `512MiB`, `1.5g`. K, M, G, T with or without `iB` are powers of 1024, with `B`
/// alone powers of 1000; case does not matter.
struct ByteSize: Hashable, Sendable, ExpressibleByArgument, CustomStringConvertible {
    let bytes: Int

    init(bytes: Int) {
        self.bytes = bytes
    }

    init?(argument: String) {
        var rest = argument[...]
        guard let number = DecimalNumber(consuming: &rest),
            let unitBytes = Self.unitBytes(rest.lowercased()),
            let bytes = number.multiplied(by: unitBytes)
        else { return nil }
        self.bytes = Int(bytes)
    }

    var defaultValueDescription: String { description }

    /// For people: `17 B`, `1.2 MiB`; rounded to one decimal.
    var description: String {
        var unit = 0
        var size = Double(bytes)
        while size >= 1023.95, unit < Self.unitNames.count - 1 {
            size /= 1024
            unit += 1
        }
        return unit == 0 ? "\(bytes) B" : "\(size.fixed(decimals: 1)) \(Self.unitNames[unit])"
    }

    private static let unitNames = ["B", "KiB", "MiB", "GiB", "TiB"]

    private static func unitBytes(_ unit: String) -> Int64? {
        switch unit {
        case "", "b": 1
        case "k", "kib": 1 << 10
        case "m", "mib": 1 << 20
        case "g", "gib": 1 << 30
        case "t", "tib": 1 << 40
        case "kb": 1000
        case "mb": 1_000_000
        case "gb": 1_000_000_000
        case "tb": 1_000_000_000_000
        default: nil
        }
    }
}

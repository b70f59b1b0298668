import KVSharding

/// The values that a tester writes: `key:run:sequence:filler`. Each names its writer, so a value of another key, another Set or another
/// run is recognised, and each is a function of its name, so a changed byte is too.
struct StressValue {
    /// Tells this run's values from those that an earlier run with the same keys left.
    let run: UInt32
    /// The size of every value, if there is room for its name; nil = small sizes that vary.
    let bytes: Int?

    func value(key: [UInt8], sequence: UInt64) -> [UInt8] {
        var value = key
        value.append(Self.colon)
        value += Array(String(run, radix: 16).utf8)
        value.append(Self.colon)
        value += Array(String(sequence).utf8)
        value.append(Self.colon)
        var filler = SeededRandom(seed: UInt64(run) << 32 ^ sequence)
        let size = bytes ?? value.count + Int(filler.next() % 64)
        value.reserveCapacity(size)
        while value.count < size {
            // Five bits a letter: twelve letters of each random number.
            var bits = filler.next()
            for _ in 0..<min(12, size - value.count) {
                value.append(UInt8(ascii: "a") + UInt8(bits % 26))
                bits >>= 5
            }
        }
        return value
    }

    /// What a Get of `key` found.
    func answer(_ found: [UInt8]?, key: [UInt8]) -> KeyHistory.Answer {
        guard let found else { return .notFound }
        let parts = found.split(separator: Self.colon, maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0].elementsEqual(key),
            let run = UInt32(String(decoding: parts[1], as: UTF8.self), radix: 16),
            let sequence = UInt64(String(decoding: parts[2], as: UTF8.self))
        else { return .corrupt }
        guard run == self.run else { return .foreign }
        return found == value(key: key, sequence: sequence) ? .value(sequence: sequence) : .corrupt
    }

    private static let colon = UInt8(ascii: ":")
}

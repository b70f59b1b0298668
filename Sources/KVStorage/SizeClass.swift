/// The sizes that slabs are cut into. A request is rounded up to 8 bytes while small, then to an eighth and from 1 KiB on
/// to a sixteenth of its power of two, so that at most about 12 % of a block is unused. Larger requests get pages.
struct SizeClass {
    var index: Int

    static let largestBytes = 56 << 10
    static let count = 129

    /// The class of a request of 1...`largestBytes` bytes.
    init(bytes: Int) {
        if bytes <= 128 {
            index = max(0, (bytes + 7) >> 3 - 4)
            return
        }
        let last = bytes - 1
        let exponent = Int.bitWidth - 1 - last.leadingZeroBitCount
        if bytes <= 1024 {
            index = Self.firstEighth + (exponent - 7) << 3 + last >> (exponent - 3) - 8
        } else {
            index = Self.firstSixteenth + (exponent - 10) << 4 + last >> (exponent - 4) - 16
        }
    }

    init(index: Int) {
        self.index = index
    }

    var usesLargeSlabs: Bool { index >= Self.firstLarge }

    /// The largest request of this class.
    var requestBytes: Int {
        if index < Self.firstEighth { return (index + 4) << 3 }
        if index < Self.firstSixteenth {
            let step = index - Self.firstEighth
            return (step & 7 + 9) << (step >> 3 + 4)
        }
        let step = index - Self.firstSixteenth
        return (step & 15 + 17) << (step >> 4 + 6)
    }

    private static let firstEighth = 13
    private static let firstSixteenth = 37
    /// Above 4 KiB.
    static let firstLarge = 69
}

/// The order people expect of names with numbers in them: `n2` before `n10`.
package enum NaturalOrder {
    /// Runs of digits compare as numbers, all else as bytes; names that differ only in leading zeros compare as bytes.
    package static func precedes(_ left: String, _ right: String) -> Bool {
        var leftRest = Substring(left).utf8
        var rightRest = Substring(right).utf8
        while let leftByte = leftRest.first, let rightByte = rightRest.first {
            if isDigit(leftByte) && isDigit(rightByte) {
                let leftNumber = takeNumber(from: &leftRest)
                let rightNumber = takeNumber(from: &rightRest)
                if leftNumber.count != rightNumber.count { return leftNumber.count < rightNumber.count }
                if !leftNumber.elementsEqual(rightNumber) { return leftNumber.lexicographicallyPrecedes(rightNumber) }
            } else {
                if leftByte != rightByte { return leftByte < rightByte }
                leftRest.removeFirst()
                rightRest.removeFirst()
            }
        }
        if leftRest.isEmpty != rightRest.isEmpty { return leftRest.isEmpty }
        return left.utf8.lexicographicallyPrecedes(right.utf8)
    }

    /// The digits at the front, without leading zeros.
    private static func takeNumber(from rest: inout Substring.UTF8View) -> Substring.UTF8View {
        let digits = rest.prefix(while: isDigit)
        rest = rest[digits.endIndex...]
        return digits.drop { $0 == UInt8(ascii: "0") }
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
    }
}

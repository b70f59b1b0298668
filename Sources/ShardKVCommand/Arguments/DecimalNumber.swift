/// A decimal number without a sign, such as `12` or `1.5`, kept exact until it is multiplied.
struct DecimalNumber {
    private var whole: Int64 = 0
    private var fraction: Int64 = 0
    private var fractionScale: Int64 = 1

    /// Takes the number at the front of `text`; nil, with `text` somewhere inside it, if there is none or it is too long.
    init?(consuming text: inout Substring) {
        var digitCount = 0
        var isFraction = false
        while let character = text.first {
            if character == ".", !isFraction {
                isFraction = true
            } else if character.isASCII, let digit = character.wholeNumberValue {
                digitCount += 1
                guard digitCount <= 18 else { return nil }
                if isFraction {
                    fraction = fraction * 10 + Int64(digit)
                    fractionScale *= 10
                } else {
                    whole = whole * 10 + Int64(digit)
                }
            } else {
                break
            }
            text.removeFirst()
        }
        guard digitCount > 0 else { return nil }
    }

    /// Rounded down; nil past the range.
    func multiplied(by factor: Int64) -> Int64? {
        let (product, overflow) = whole.multipliedReportingOverflow(by: factor)
        let (high, low) = fraction.multipliedFullWidth(by: factor)
        let part = fractionScale.dividingFullWidth((high, low)).quotient
        let (sum, carried) = product.addingReportingOverflow(part)
        return overflow || carried ? nil : sum
    }
}

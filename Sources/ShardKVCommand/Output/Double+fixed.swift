extension Double {
    /// With so many decimals, rounded half away from zero: `99.5.fixed(decimals: 2)` is `99.50`. For finite numbers below 10^12.
    func fixed(decimals: Int) -> String {
        precondition((1...6).contains(decimals), "1 to 6 decimals")
        let scale = (0..<decimals).reduce(1) { product, _ in product * 10 }
        let scaled = Int((magnitude * Double(scale)).rounded())
        let fraction = String(scaled % scale)
        let zeros = String(repeating: "0", count: decimals - fraction.count)
        return (self < 0 && scaled > 0 ? "-" : "") + "\(scaled / scale).\(zeros)\(fraction)"
    }
}

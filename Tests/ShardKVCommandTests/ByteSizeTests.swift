import Testing

@testable import ShardKVCommand

@Suite struct ByteSizeTests {
    @Test(arguments: [
        ("0", 0), ("4096", 4096), ("17B", 17), ("64KiB", 65_536), ("64k", 65_536), ("512MiB", 512 << 20),
        ("1.5g", 3 << 29),
        ("2T", 2 << 40), ("64KB", 64_000), ("3mb", 3_000_000), ("1GB", 1_000_000_000),
    ])
    func reads(_ text: String, _ bytes: Int) {
        #expect(ByteSize(argument: text)?.bytes == bytes)
    }

    @Test(arguments: ["", "-1", "k", "1x", "1 KiB", "1KiBB", "9999999999T", "1e6"])
    func refuses(_ text: String) {
        #expect(ByteSize(argument: text) == nil)
    }

    @Test(arguments: [
        (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (1_048_575, "1.0 MiB"),
        (20 << 20, "20.0 MiB"),
        (5 << 40, "5.0 TiB"), (4096 << 40, "4096.0 TiB"),
    ])
    func prints(_ bytes: Int, _ text: String) {
        #expect(ByteSize(bytes: bytes).description == text)
    }

    @Test(arguments: [
        (99.5, 2, "99.50"), (100, 6, "100.000000"), (0.04, 1, "0.0"), (-0.04, 1, "0.0"), (-1.25, 1, "-1.3"),
        (33.3333333, 6, "33.333333"),
        (9.99, 1, "10.0"),
    ])
    func fixedDecimals(_ number: Double, _ decimals: Int, _ text: String) {
        #expect(number.fixed(decimals: decimals) == text)
    }
}

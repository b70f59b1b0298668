import Foundation

/// The files of proto/conformance, which the tests of every client read.
package enum Vectors {
    package static func load<File: Decodable>(_ name: String) throws -> File {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(File.self, from: Data(contentsOf: root.appending(path: "proto/conformance/\(name)")))
    }
}

/// Bytes that stand in a file as hexadecimal digits.
package struct HexBytes: Decodable, Sendable {
    package let bytes: [UInt8]

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let bytes = [UInt8](hexadecimal: try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not hexadecimal")
        }
        self.bytes = bytes
    }
}

/// A number of 64 bits, which stands in a file as text: many readers of JSON take numbers for floating-point ones.
package struct Decimal64<Number: FixedWidthInteger & Sendable>: Decodable, Sendable {
    package let value: Number

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let value = Number(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a number of 64 bits")
        }
        self.value = value
    }
}

extension [UInt8] {
    init?(hexadecimal text: String) {
        let digits = text.compactMap(\.hexDigitValue)
        guard digits.count == text.count, digits.count.isMultiple(of: 2) else { return nil }
        self = stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
}

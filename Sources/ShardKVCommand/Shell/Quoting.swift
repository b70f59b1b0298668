/// How bytes stand in a line: bare where that can be read in one way only, otherwise in double quotes with the escapes `\n`,
/// `\"`, `\\` and `\xNN` (two hexadecimal digits).
enum Quoting {
    /// Bare if that is unambiguous, as a reply of the shell: not what another reply could say either.
    static func reply(_ bytes: [UInt8]) -> [UInt8] {
        isPlain(bytes) ? bytes : quoted(bytes)
    }

    /// In double quotes. Text in UTF-8 stays readable; bytes that are no text are escaped.
    static func quoted(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count + 2)
        result.append(UInt8(ascii: "\""))
        let text = readableText(bytes)
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                result.append(UInt8(ascii: "\\"))
                result.append(byte)
            case UInt8(ascii: "\n"):
                result += [UInt8(ascii: "\\"), UInt8(ascii: "n")]
            case 0x20..<0x7f:
                result.append(byte)
            case 0x80... where text:
                result.append(byte)
            default:
                result += [UInt8(ascii: "\\"), UInt8(ascii: "x"), hexDigit(byte >> 4), hexDigit(byte & 15)]
            }
        }
        result.append(UInt8(ascii: "\""))
        return result
    }

    private static func isPlain(_ bytes: [UInt8]) -> Bool {
        guard !bytes.isEmpty, bytes.allSatisfy({ $0 > 0x20 && $0 != 0x7f && $0 != UInt8(ascii: "\"") }),
            readableText(bytes)
        else { return false }
        return bytes != Array("(nil)".utf8) && bytes != Array("OK".utf8) && !bytes.starts(with: "ERROR".utf8)
    }

    /// Well-formed UTF-8 whose characters beyond ASCII neither break a line nor vanish from it.
    private static func readableText(_ bytes: [UInt8]) -> Bool {
        if bytes.allSatisfy({ $0 < 0x80 }) { return true }
        guard let text = String(validating: bytes, as: UTF8.self) else { return false }
        return text.unicodeScalars.allSatisfy { scalar in
            if scalar.isASCII { return true }
            switch scalar.properties.generalCategory {
            case .control, .format, .spaceSeparator, .lineSeparator, .paragraphSeparator: return false
            default: return true
            }
        }
    }

    private static func hexDigit(_ nibble: UInt8) -> UInt8 {
        nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
    }
}

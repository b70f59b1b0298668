/// Carries arguments of any bytes through the argument parser, which knows text only.
///
/// A byte that is no part of well-formed UTF-8 becomes the scalar U+10FF00 + byte. The bytes of such a scalar, should
/// an argument hold one, are carried the same way: different arguments stay different, and `bytes(of: text(bytes))` is
/// `bytes` for all bytes. Well-formed text without those private-use scalars stays as it is.
enum RawArgument {
    private static let carriers = Unicode.Scalar(0x10_ff00)!...Unicode.Scalar(0x10_ffff)!

    /// The process's arguments without its name.
    static var words: [String] {
        let arguments = UnsafeBufferPointer(start: CommandLine.unsafeArgv, count: Int(CommandLine.argc))
        return arguments.dropFirst().compactMap { $0.map(text(ofCString:)) }
    }

    static func text(_ bytes: [UInt8]) -> String {
        var text = String.UnicodeScalarView()
        var parser = Unicode.UTF8.ForwardParser()
        var unread = bytes.makeIterator()
        var rest = bytes[...]
        while true {
            switch parser.parseScalar(from: &unread) {
            case .valid(let encoded):
                let scalar = Unicode.UTF8.decode(encoded)
                let own = rest.prefix(encoded.count)
                if carriers.contains(scalar) { text += own.map(carrier) } else { text.append(scalar) }
                rest = rest.dropFirst(own.count)
            case .error(let length):
                text += rest.prefix(length).map(carrier)
                rest = rest.dropFirst(length)
            case .emptyInput:
                return String(text)
            }
        }
    }

    /// The bytes that the user wrote, of a text that `text` made.
    static func bytes(of text: String) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        for scalar in text.unicodeScalars {
            if carriers.contains(scalar) {
                bytes.append(UInt8(truncatingIfNeeded: scalar.value))
            } else {
                bytes += UTF8.encode(scalar)!
            }
        }
        return bytes
    }

    private static func text(ofCString word: UnsafeMutablePointer<CChar>) -> String {
        var bytes: [UInt8] = []
        var next = word
        while next.pointee != 0 {
            bytes.append(UInt8(bitPattern: next.pointee))
            next += 1
        }
        return text(bytes)
    }

    private static func carrier(of byte: UInt8) -> Unicode.Scalar {
        Unicode.Scalar(carriers.lowerBound.value + UInt32(byte))!
    }
}

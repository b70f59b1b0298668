import KVWire
import NIOCore
import Testing

@testable import KVTransport

@Suite struct ClientPartsTests {
    /// Against a dictionary: a number finds its element until it is removed, and nothing ever after.
    @Test(arguments: 0..<20)
    func slotTableFindsWhatIsThere(seed: Int) {
        var random = SystemRandomNumberGenerator()
        var table = SlotTable<Int>()
        var model: [UInt32: Int] = [:]
        var gone: [UInt32] = []
        for step in 0..<2000 {
            if Int.random(in: 0..<5, using: &random) < 3 {
                let number = table.insert(step)!
                #expect(model.updateValue(step, forKey: number) == nil)
            } else if let (number, element) = model.randomElement() {
                #expect(table.remove(number) == element)
                model[number] = nil
                gone.append(number)
            }
            if let number = gone.randomElement(), model[number] == nil { #expect(table.remove(number) == nil) }
            #expect(table.count == model.count)
        }
        var removed: Set<Int> = []
        table.removeAll { number, element in
            #expect(model[number] == element)
            if element.isMultiple(of: 2) { return true }
            element += 2000
            return false
        } _: {
            removed.insert($0)
        }
        #expect(removed == Set(model.values.filter { $0.isMultiple(of: 2) }))
        for (number, element) in model {
            #expect(table.remove(number) == (element.isMultiple(of: 2) ? nil : element + 2000))
        }
    }

    @Test func slotTableIsBounded() {
        var table = SlotTable<Int>()
        for element in 0..<SlotTable<Int>.maxCount { #expect(table.insert(element) != nil) }
        #expect(table.insert(0) == nil)
    }

    /// However the bytes are cut, the same frames come out.
    @Test(arguments: 0..<50)
    func readerDoesNotCareHowBytesArrive(seed: Int) {
        let payloads: [[UInt8]] = [
            [], [1], [UInt8](repeating: 2, count: 300), [UInt8](repeating: 3, count: 101), [4, 5],
        ]
        let bytes = payloads.enumerated().flatMap { frame(.response, id: UInt32($0), payload: $1) }
        var reader = ResponseReader(maxPayloadBytes: 200)
        var frames: [ResponseReader.Frame] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = seed == 0 ? 1 : seed == 1 ? rest.count : Int.random(in: 1...min(rest.count, seed * 3))
            reader.receive(ByteBuffer(bytes: rest.prefix(count)), &frames)
            rest = rest.dropFirst(count)
        }
        #expect(frames.map(\.header.requestID) == [0, 1, 2, 3, 4])
        #expect(frames.map(\.isTooLarge) == [false, false, true, false, false])
        for (frame, payload) in zip(frames, payloads) where !frame.isTooLarge {
            #expect(Array(frame.payload.readableBytesView) == payload)
        }
    }

    @Test func backoffGrowsToASecondAndEndsWithSuccess() {
        var backoff = ConnectBackoff()
        var waits: [Int64] = []
        for _ in 0..<9 {
            backoff.failed(now: 100)
            waits.append(backoff.retryAt - 100)
        }
        #expect(waits == [20, 40, 80, 160, 320, 640, 1000, 1000, 1000])
        backoff.succeeded()
        #expect(backoff.retryAt < 0)
        backoff.failed(now: 0)
        #expect(backoff.retryAt == 20)
    }
}

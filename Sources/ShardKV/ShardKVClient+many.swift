/// Calls with many keys. Each key is a call of its own, with its own outcome, at its place; all that go to one node leave together.
extension ShardKVClient {
    /// One value to store.
    public struct Item: Hashable, Sendable {
        /// The key.
        public var key: [UInt8]
        /// The value.
        public var value: [UInt8]
        /// How long it lives; nil or zero = for ever.
        public var ttl: Duration?

        /// A value for a key.
        public init(key: [UInt8], value: [UInt8], ttl: Duration? = nil) {
            self.key = key
            self.value = value
            self.ttl = ttl
        }
    }

    /// As many calls are under way at once.
    private static let window = 1024

    /// The values of many keys; see `get`.
    public func getMany(
        _ keys: [[UInt8]],
        level: ReadLevel? = nil,
        isHedged: Bool? = nil,
        timeout: Duration? = nil
    ) async -> [Result<[UInt8]?, ShardKVError>] {
        await many(keys) { key throws(ShardKVError) in
            try await self.get(key, level: level, isHedged: isHedged, timeout: timeout)
        }
    }

    /// Stores many values; see `set`. Of two for one key either may be the last.
    public func setMany(
        _ items: [Item],
        level: WriteLevel? = nil,
        timeout: Duration? = nil
    ) async -> [Result<Void, ShardKVError>] {
        await many(items) { item throws(ShardKVError) in
            try await self.set(item.key, item.value, ttl: item.ttl, level: level, timeout: timeout)
        }
    }

    /// Removes many keys; see `delete`.
    public func deleteMany(
        _ keys: [[UInt8]],
        level: WriteLevel? = nil,
        timeout: Duration? = nil
    ) async -> [Result<Void, ShardKVError>] {
        await many(keys) { key throws(ShardKVError) in
            try await self.delete(key, level: level, timeout: timeout)
        }
    }

    private func many<Element: Sendable, Output: Sendable>(
        _ elements: [Element],
        _ call: @escaping @Sendable (Element) async throws(ShardKVError) -> Output
    ) async -> [Result<Output, ShardKVError>] {
        var results = [Result<Output, ShardKVError>?](repeating: nil, count: elements.count)
        await withTaskGroup(of: (Int, Result<Output, ShardKVError>).self) { group in
            for (index, element) in elements.enumerated() {
                if index >= Self.window, let (index, result) = await group.next() { results[index] = result }
                group.addTask {
                    do throws(ShardKVError) { return (index, .success(try await call(element))) } catch {
                        return (index, .failure(error))
                    }
                }
            }
            for await (index, result) in group { results[index] = result }
        }
        return results.map { $0! }
    }
}

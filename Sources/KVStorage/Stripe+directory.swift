import CLinux
import Glibc

/// How the table grows and shrinks: segments are resized up to a fixed size, then split.
extension Stripe {
    var allocator: Allocator { state.pointee.allocator }
    var keyHash: KeyHash { state.pointee.allocator.state.pointee.keyHash }

    /// The segment of `hash` with room for one more entry, or nil when there is no memory.
    func segmentWithRoom(_ hash: UInt64, headroom: Headroom) -> Segment? {
        while true {
            let reference = reference(hash)
            guard let segment = Segment(reference) else {
                let created = Segment(sizeCode: 0, depth: reference.depth, allocator: allocator, headroom: headroom)
                guard let created else { return nil }
                replace(reference, near: hash, with: created.reference)
                return created
            }
            if !segment.isFull { return segment }
            let grown =
                reference.sizeCode >= Segment.largestSizeCode && maySplit(reference)
                ? split(segment, near: hash, headroom: headroom)
                : resize(segment, sizeCode: reference.sizeCode + 1, near: hash, headroom: headroom)
            if !grown { return nil }
        }
    }

    /// Starts loading the headers of the segment of `hash` and the next ones, at every eighth reference of the directory: together,
    /// so that their addresses are translated side by side.
    func loadHeaders(from hash: UInt64) {
        let first = directoryIndex(hash)
        guard first & 7 == 0 else { return }
        for index in first..<min(first + 8, 1 << Int(state.pointee.directoryDepth)) {
            if let segment = Segment(state.pointee.directory[index]) { linux_prefetch(segment.header) }
        }
    }

    /// Moves a segment's entries to a new one of another size. False when there is no memory.
    func resize(_ segment: Segment, sizeCode: Int, near hash: UInt64, headroom: Headroom) -> Bool {
        let depth = segment.reference.depth
        guard let target = Segment(sizeCode: sizeCode, depth: depth, allocator: allocator, headroom: headroom) else {
            return false
        }
        let keyHash = keyHash
        segment.forEach { target.insert($0, hash: keyHash($0.key)) }
        replace(segment.reference, near: hash, with: target.reference)
        segment.free(allocator)
        return true
    }

    /// Frees an empty segment; its part of the directory stays.
    func removeEmpty(_ segment: Segment, near hash: UInt64) {
        let empty = SegmentReference(slots: nil, sizeCode: 0, depth: segment.reference.depth)
        replace(segment.reference, near: hash, with: empty)
        segment.free(allocator)
    }

    /// Forgets the directory of a table that has no segments left.
    func removeDirectory() {
        let depth = Int(state.pointee.directoryDepth)
        if depth > 0 { allocator.free(state.pointee.directory, bytes: Self.directoryBytes(depth: depth)) }
        state.pointee.directory = Self.emptyDirectory(state)
        state.pointee.directoryDepth = 0
    }

    /// The directory of depth 0 in the stripe's own cache line, with an empty segment.
    static func emptyDirectory(_ state: UnsafeMutableRawPointer) -> UnsafeMutablePointer<SegmentReference> {
        let directory = (state + StripeState.onlyReferenceOffset).assumingMemoryBound(to: SegmentReference.self)
        directory.initialize(to: SegmentReference(slots: nil, sizeCode: 0, depth: 0))
        return directory
    }

    /// Gives each half of a segment's hashes a segment of its own. False when there is no memory.
    private func split(_ segment: Segment, near hash: UInt64, headroom: Headroom) -> Bool {
        let depth = segment.reference.depth
        let halfBit = UInt64(1) << (63 - UInt64(depth))
        let keyHash = keyHash
        var upperCount = 0
        segment.forEach { if keyHash($0.key) & halfBit != 0 { upperCount += 1 } }
        let lowerCount = segment.header.pointee.count - upperCount

        if depth == Int(state.pointee.directoryDepth), !doubleDirectory(headroom) { return false }
        guard let lower = makeHalf(lowerCount, depth: depth + 1, headroom) else { return false }
        guard let upper = makeHalf(upperCount, depth: depth + 1, headroom) else {
            lower.free(allocator)
            return false
        }
        segment.forEach { entry in
            let hash = keyHash(entry.key)
            (hash & halfBit == 0 ? lower : upper).insert(entry, hash: hash)
        }
        replace(segment.reference, near: hash & ~halfBit, with: lower.reference, depth: depth + 1)
        replace(segment.reference, near: hash | halfBit, with: upper.reference, depth: depth + 1)
        segment.free(allocator)
        return true
    }

    private func makeHalf(_ count: Int, depth: Int, _ headroom: Headroom) -> Segment? {
        Segment(sizeCode: Segment.sizeCode(fitting: count), depth: depth, allocator: allocator, headroom: headroom)
    }

    /// Whether splitting pays. Hashes that share their leading bits could otherwise double the directory for nothing, again
    /// and again; their segments grow instead. With well mixed hashes this is always true.
    private func maySplit(_ reference: SegmentReference) -> Bool {
        let segments = 1 << reference.depth
        let fewest = Segment.maxCount(capacity: SegmentReference.capacity(sizeCode: Segment.largestSizeCode)) >> 4
        return segments * fewest <= Int(state.pointee.liveCount) + Int(state.pointee.markerCount)
    }

    private func doubleDirectory(_ headroom: Headroom) -> Bool {
        let depth = Int(state.pointee.directoryDepth)
        guard let block = allocator.allocate(Self.directoryBytes(depth: depth + 1), headroom: headroom) else {
            return false
        }
        let doubled = block.bindMemory(to: SegmentReference.self, capacity: 2 << depth)
        for index in 0..<(2 << depth) { doubled[index] = state.pointee.directory[index >> 1] }
        if depth > 0 { allocator.free(state.pointee.directory, bytes: Self.directoryBytes(depth: depth)) }
        state.pointee.directory = doubled
        state.pointee.directoryDepth += 1
        return true
    }

    /// Changes every directory entry of the segment that `hash` belongs to.
    func replace(
        _ old: SegmentReference,
        near hash: UInt64,
        with new: SegmentReference,
        depth: Int? = nil
    ) {
        let repeats = 1 << (Int(state.pointee.directoryDepth) - (depth ?? old.depth))
        let first = directoryIndex(hash) & ~(repeats - 1)
        (state.pointee.directory + first).update(repeating: new, count: repeats)
    }

    static func directoryBytes(depth: Int) -> Int {
        MemoryLayout<SegmentReference>.stride << depth
    }
}

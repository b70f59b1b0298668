import KVCore
import Testing

@testable import KVStorage

@Suite
struct BucketLayoutTests {
    static let bucketCounts = [16, 32, 64, 128, 1_024, 8_192, 65_536]

    /// Deadlines near now are left out, those just beyond the windows are not.
    @Test(arguments: bucketCounts)
    func aComparisonLeavesOutExactlyTheWindowsNearNow(bucketCount: Int) {
        let layout = BucketLayout(bucketCount: bucketCount)
        for now in stride(from: UInt64(1_000_000), to: 1_020_000, by: 777) {
            let near = Set(layout.nearBuckets(now: now, skewMilliseconds: 2_000).joined())
            #expect(near.allSatisfy { (bucketCount..<2 * bucketCount).contains($0) })
            for key: UInt32 in [0, 1, 0x8000_0000, .max] {
                for deadline in [now - 32_000, now, now + 12_000] {
                    #expect(near.contains(layout.bucket(key, deadline: deadline)))
                }
                for deadline in [now - 32_000 - 8_192, now + 12_000 + 8_192] {
                    #expect(!near.contains(layout.bucket(key, deadline: deadline)))
                }
            }
        }
    }

    @Test(arguments: bucketCounts, [UInt64(0), 2_000, 5_000])
    func noBucketIsLeftOutInTwoComparisonsAMinuteApart(bucketCount: Int, skewMilliseconds: UInt64) {
        let layout = BucketLayout(bucketCount: bucketCount)
        func near(_ now: UInt64) -> Set<Int> {
            Set(layout.nearBuckets(now: now, skewMilliseconds: skewMilliseconds).joined())
        }
        for now in stride(from: UInt64(1_000_000), to: 1_300_000, by: 1_111) {
            for pause: UInt64 in [60_000, 65_000, 70_000] {
                #expect(near(now).isDisjoint(with: near(now + pause)))
            }
        }
    }

    @Test
    func theEndsOfTimeAreInRange() {
        let layout = BucketLayout(bucketCount: 64)
        #expect(layout.nearBuckets(now: 0, skewMilliseconds: 0).first == 64..<65)
        #expect(layout.nearBuckets(now: .max, skewMilliseconds: 0).last == 127..<128)
        #expect(layout.bucket(7, deadline: .max) == 127)
        // A skew as long as the ring leaves nothing to compare.
        #expect(layout.nearBuckets(now: 1_000_000, skewMilliseconds: 300_000) == [64..<128])
    }
}

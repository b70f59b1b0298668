// swift-tools-version: 6.3
import PackageDescription

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .enableUpcomingFeature("ImmutableWeakCaptures"),
]

/// Measures the tables by themselves, without a server. They are no product of the root package: their sources are linked
/// into this one, so that it builds in seconds and depends on nothing.
let package = Package(
    name: "storage-benchmark",
    targets: [
        .target(name: "CLinux"),
        .target(name: "KVCore", swiftSettings: settings),
        .target(name: "KVStorage", dependencies: ["KVCore", "CLinux"], swiftSettings: settings),
        .executableTarget(
            name: "storage-benchmark",
            dependencies: ["KVCore", "KVStorage"],
            swiftSettings: settings
        ),
    ]
)

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

/// The modules by floor: a target depends on floors below its own, never on a neighbour.
let package = Package(
    name: "shardkv",
    products: [
        .library(name: "ShardKV", targets: ["ShardKV"]),
        .executable(name: "shardkv", targets: ["ShardKVCommand"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    ],
    targets: [
        // Ground
        .systemLibrary(
            name: "CProtobufC",
            pkgConfig: "libprotobuf-c",
            providers: [.apt(["libprotobuf-c-dev"])]
        ),
        .target(name: "CKeyValueProto", dependencies: ["CProtobufC"]),
        .target(name: "CLinux"),
        .target(name: "KVCore", swiftSettings: settings),

        // Floor 1
        .target(name: "KVWire", dependencies: ["KVCore", "CKeyValueProto"], swiftSettings: settings),
        .target(name: "KVSharding", dependencies: ["KVCore"], swiftSettings: settings),
        .target(name: "KVStorage", dependencies: ["KVCore", "CLinux"], swiftSettings: settings),

        // Floor 2
        .target(
            name: "KVService",
            dependencies: ["KVCore", "KVWire", "KVSharding", "KVStorage"],
            swiftSettings: settings
        ),
        .target(name: "KVClient", dependencies: ["KVCore", "KVWire", "KVSharding"], swiftSettings: settings),
        .target(
            name: "KVTransport",
            dependencies: [
                "KVCore", "KVWire", "CLinux",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings
        ),

        // Roof
        .target(
            name: "ShardKV",
            dependencies: [
                "KVCore", "KVWire", "KVSharding", "KVClient", "KVTransport",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "ShardKVCommand",
            dependencies: [
                "KVCore", "KVWire", "KVSharding", "KVStorage", "KVService", "KVClient", "KVTransport", "ShardKV",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: settings
        ),

        // Tests
        .target(name: "ConformanceVectors", path: "Tests/ConformanceVectors", swiftSettings: settings),
        // What is done to a cluster and seen of it, and a checker of that: no product, for tests only.
        .target(
            name: "KVHistory",
            dependencies: ["KVCore", "KVWire", "KVSharding"],
            path: "Tests/KVHistory",
            swiftSettings: settings
        ),
        .testTarget(
            name: "KVHistoryTests",
            dependencies: ["KVCore", "KVHistory", "KVSharding"],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "Chaos",
            dependencies: [
                "KVCore", "KVHistory", "KVWire", "KVSharding", "KVClient", "KVTransport", "ShardKV",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            path: "Tests/Chaos",
            swiftSettings: settings
        ),
        .testTarget(
            name: "KVWireTests",
            dependencies: [
                "ConformanceVectors", "KVCore", "KVWire",
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "KVShardingTests",
            dependencies: [
                "ConformanceVectors", "KVCore", "KVSharding",
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "KVStorageTests",
            dependencies: [
                "KVCore", "KVStorage",
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "KVServiceTests",
            dependencies: [
                "KVCore", "KVWire", "KVSharding", "KVStorage", "KVService",
            ],
            swiftSettings: settings
        ),
        // Whole clusters in one thread, on a simulated network.
        .target(
            name: "Simulation",
            dependencies: [
                "KVCore", "KVHistory", "KVWire", "KVSharding", "KVStorage", "KVService", "KVClient",
            ],
            path: "Tests/Simulation",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "Simulate",
            dependencies: [
                "KVHistory", "KVService", "Simulation",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tests/Simulate",
            swiftSettings: settings
        ),
        .testTarget(
            name: "SimulationTests",
            dependencies: [
                "KVCore", "KVHistory", "KVWire", "KVSharding", "KVStorage", "KVService", "Simulation",
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "KVClientTests",
            dependencies: [
                "KVCore", "KVWire", "KVSharding", "KVClient",
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "KVTransportTests",
            dependencies: [
                "KVCore", "KVWire", "KVTransport",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ShardKVCommandTests",
            dependencies: [
                "KVCore", "KVSharding", "KVWire", "ShardKV", "ShardKVCommand",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "IntegrationTests",
            dependencies: [
                "ShardKV", "ShardKVCommand",
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ShardKVTests",
            dependencies: [
                "KVCore", "KVWire", "KVSharding", "KVClient", "ShardKV",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "MetricsTestKit", package: "swift-metrics"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: settings
        ),
    ]
)

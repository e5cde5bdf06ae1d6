// swift-tools-version: 6.2
import PackageDescription

// Its own package, so that nothing that a benchmark needs ever reaches users.
let package = Package(
  name: "benchmarks",
  dependencies: [.package(name: "hedgerow", path: "../..")],
  targets: [
    .executableTarget(
      name: "sampling", dependencies: [.product(name: "Hedgerow", package: "hedgerow")]),
    .executableTarget(
      name: "loading", dependencies: [.product(name: "Hedgerow", package: "hedgerow")]),
    .executableTarget(
      name: "live", dependencies: [.product(name: "Hedgerow", package: "hedgerow")]),
    .executableTarget(
      name: "operations", dependencies: [.product(name: "Hedgerow", package: "hedgerow")]),
    .executableTarget(
      name: "eager", dependencies: [.product(name: "Hedgerow", package: "hedgerow")]),
    .executableTarget(
      name: "layers", dependencies: [.product(name: "Hedgerow", package: "hedgerow")]),
    .executableTarget(
      name: "tensors", dependencies: [.product(name: "Hedgerow", package: "hedgerow")]),
    .executableTarget(
      name: "graph", dependencies: [.product(name: "Hedgerow", package: "hedgerow")]),
    .executableTarget(
      name: "sparse", dependencies: [.product(name: "Hedgerow", package: "hedgerow")]),
    .executableTarget(
      name: "points", dependencies: [.product(name: "Hedgerow", package: "hedgerow")]),
    .executableTarget(
      name: "products", dependencies: [.product(name: "Hedgerow", package: "hedgerow")]),
    .executableTarget(
      name: "steps",
      dependencies: [.product(name: "Hedgerow", package: "hedgerow"), "CAllocations"]),
    .target(name: "CAllocations"),
    .executableTarget(name: "parse"),
  ],
  swiftLanguageModes: [.v6]
)

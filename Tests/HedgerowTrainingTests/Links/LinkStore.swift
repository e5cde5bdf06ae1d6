import HedgerowCore
import HedgerowGraph
import HedgerowRoaring
import HedgerowStore
import HedgerowTestSupport

/// A store of users who rate items, mostly those of their own community, with a split of the ratings.
struct LinkStore {
  var users = 60
  var items = 40
  var communities = 2
  /// Ratings of a user.
  var ratings = 10
  /// The share of ratings that are of the user's community.
  var loyalty = 0.95
  /// Whether ratings that are held out are stored at all.
  var hasHeldOut = true
  var splitColumn: String? = "split"
  var trainName = "train"
  /// Whether items have features that say their community.
  var hasFeatures = false

  static let user: NodeType = "user"
  static let item: NodeType = "item"
  static let rates = EdgeType(user, "rates", item)

  struct Rating: Hashable {
    var user: UInt32
    var item: UInt32
    var part: UInt32
  }

  func community(ofUser user: Int) -> Int { user % communities }
  func community(ofItem item: Int) -> Int { item % communities }

  /// In the order of edges.
  func allRatings(seed: UInt64) -> [Rating] {
    var random = RandomStream(seed: seed).derive("ratings")
    var found: [Rating] = []
    for user in 0..<users {
      var rated: Set<UInt32> = []
      while rated.count < ratings {
        let item = UInt32(random.next(below: UInt64(items)))
        let isOwn = community(ofItem: Int(item)) == community(ofUser: user)
        if random.nextUnit() < (isOwn ? loyalty : 1 - loyalty) { rated.insert(item) }
      }
      for item in rated.sorted() {
        let draw = random.nextUnit()
        found.append(
          Rating(user: UInt32(user), item: item, part: draw < 0.7 ? 0 : draw < 0.85 ? 1 : 2))
      }
    }
    return found
  }

  func make(at path: String, seed: UInt64) throws -> GraphStore {
    let ratings = allRatings(seed: seed).filter { hasHeldOut || $0.part == 0 }
    let store = try GraphStore.create(at: path, rangeBits: 8)
    let build = try store.beginBuild()
    try build.declare(NodeSchema(Self.user), count: users)
    try build.keyWriter(of: Self.user, .identity).finish()
    try build.declare(
      NodeSchema(
        Self.item,
        properties: hasFeatures ? [PropertySchema("x", .vector(element: .float32, width: 4))] : []),
      count: items)
    try build.keyWriter(of: Self.item, .identity).finish()
    if hasFeatures {
      var random = RandomStream(seed: seed).derive("features")
      let values = (0..<4 * items).map { place in
        Float(random.nextUnit()) + (community(ofItem: place / 4) == place % 4 ? 1 : 0)
      }
      let x = try build.columnWriter(of: Self.item, "x")
      try values.withUnsafeBytes { try x.append(fixed: $0, count: items) }
      try x.finish()
    }
    try build.write(
      ratings.map { ($0.user, $0.item) },
      as: EdgeSchema(
        Self.rates, properties: splitColumn.map { [PropertySchema($0, .categorical)] } ?? []))
    if let splitColumn {
      let writer = try build.columnWriter(of: Self.rates, splitColumn)
      let codes = ratings.map(\.part)
      try codes.withUnsafeBytes { try writer.append(fixed: $0, count: codes.count) }
      try writer.finish(categories: [trainName, "valid", "test"])
    }
    try build.publish()
    return store
  }
}

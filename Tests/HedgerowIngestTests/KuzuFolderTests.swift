import Foundation
import HedgerowCore
import HedgerowIngest
import HedgerowStore
import Testing

/// What `EXPORT DATABASE` of Kuzu writes, as versions 0.6 to 0.11 have written it.
@Suite struct KuzuFolderTests {
  private static let schema = """
    CREATE NODE TABLE `User` (`name` STRING,`age` INT64,`score` DOUBLE,`ok` BOOL,`born` DATE,`emb` FLOAT[3],\
    `tags` STRING[],`runs` INT32[],`bl` BLOB,`st` STRUCT(a INT64, b STRING),`u32` UINT32,\
    `dec` DECIMAL(10, 2), PRIMARY KEY(`name`));
    CREATE NODE TABLE `City` (`id` SERIAL,`name` STRING DEFAULT 'a, b', PRIMARY KEY(`id`));
    CREATE NODE TABLE `Odd Name` (`a b` INT64 PRIMARY KEY);
    CREATE REL TABLE `Follows` (FROM `User` TO `User`, `since` INT64,`w` FLOAT[2],MANY_MANY);
    CREATE REL TABLE `Likes` (FROM `User` TO `City`, FROM `User` TO `User`, `x` STRING,MANY_MANY);
    CREATE SEQUENCE IF NOT EXISTS `City_id_serial` START 1 INCREMENT 1;
    RETURN nextval('City_id_serial');

    """
  private static let copy = """
    COPY `User` (`name`,`age`,`score`,`ok`,`born`,`emb`,`tags`,`runs`,`bl`,`st`,`u32`,`dec`) FROM "User.csv" \
    (header=true, parallel=false);
    COPY `City` (`id`,`name`) FROM "City.csv" (header=true, parallel=true);
    COPY `Follows` (_ID,`since`,`w`) FROM "/elsewhere/Follows.csv" (escape ='\\"', delim =',', quote='\\"', header=true);
    COPY `Likes` (`x`) FROM "Likes_User_City.csv" (to='City', from='User', delim=delim='|', header=false);
    COPY `Likes_User_User` FROM "Likes_User_User.csv" (header=true);

    """
  private static let files = [
    "schema.cypher": schema, "copy.cypher": copy, "index.cypher": "",
    "User.csv": """
    a.name,a.age,a.score,a.ok,a.born,a.emb,a.tags,a.runs,a.bl,a.st,a.u32,a.dec
    "Ann ""x"", y",1,0.500000,True,2001-02-03,"[1.000000,2.000000,3.500000]","[a,b,c]","[1,2]",\\xAAb,"{a: 1, b: z}",7,1.25
    "Bob
    line",2,,False,,,,"[3,4]",,,,
    007,3,,,,,"",[],"",,,

    """,
    "City.csv": "a.id,a.name\n0,Paris\n1, x \n",
    "Follows.csv":
      "a.name,b.name,r.since,r.w\n\"Ann \"\"x\"\", y\",\"Bob\nline\",5,\"[1.0,2.0]\"\n007,007,,\n",
    "Likes_User_City.csv": "007|1|q\n", "Likes_User_User.csv": "a.name,b.name,r.x\n",
  ]

  private func ingest(_ folder: String, in workspace: Workspace) throws -> Snapshot {
    var options = IngestOptions()
    options.graphs = [.init(folder)]
    return try workspace.ingest(options, memory: 64 << 20).graph
  }

  @Test func tablesOfAnExportAreTypes() throws {
    let workspace = try Workspace()
    let graph = try ingest(workspace.writeFolder("d", Self.files), in: workspace)
    #expect(
      columns("User", in: graph) == [
        "age:int64", "score:float64", "ok:bool", "born:categorical", "emb:float32[3]",
        "tags:string",
        "runs:int32[2]", "bl:bytes", "st:categorical", "u32:int64", "dec:float64",
      ])
    #expect(
      try nodes(
        "User", "age", "score", "ok", "born", "emb", "tags", "runs", "bl", "st", "u32", "dec",
        in: graph) == [
          "Ann \"x\", y 1 0.5 true 2001-02-03 1.0;2.0;3.5 [a,b,c] 1.0;2.0 0xaa62 {a: 1, b: z} 7 1.25",
          "Bob\nline 2 null false null null null 3.0;4.0 null null null null",
          "007 3 null null null null  null 0x null null null",
        ])
    #expect(try nodes("City", "name", in: graph) == ["0 Paris", "1  x "])
    #expect(graph.count(of: "Odd_Name") == 0)
    #expect(
      try edges(EdgeType("User", "Follows", "User"), "since", "w", in: graph) == [
        "007>007 null null", "Ann \"x\", y>Bob\nline 5 1.0;2.0",
      ])
    #expect(try edges(EdgeType("User", "Likes", "City"), "x", in: graph) == ["007>1 q"])
    #expect(graph.count(of: EdgeType("User", "Likes", "User")) == 0)
  }

  @Test func listsThatLackElementsAreText() throws {
    let workspace = try Workspace()
    let folder = try workspace.writeFolder(
      "d",
      [
        "schema.cypher": "CREATE NODE TABLE P (k INT64, a INT64[], b FLOAT[], PRIMARY KEY(k));",
        "copy.cypher": "COPY P FROM \"P.csv\";",
        "P.csv": "1,\"[1,2]\",\"[0.5,]\"\n2,\"[,3]\",\"[1,2]\"\n3,\"[,]\",\n",
      ])
    let graph = try ingest(folder, in: workspace)
    #expect(columns("P", in: graph) == ["a:string", "b:string"])
    #expect(try nodes("P", "a", "b", in: graph) == ["1 1;2 0.5;", "2 ;3 1;2", "3 ; null"])
  }

  // MARK: Parquet

  /// What Kuzu 0.11.3 wrote: `tools/make-kuzu-export` makes it, and says there what is in it.
  static let parquet: [String: [UInt8]] = {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Files/kuzu")
    let names = try! FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    return Dictionary(
      uniqueKeysWithValues: names.map {
        ($0, Array(try! Data(contentsOf: folder.appendingPathComponent($0))))
      })
  }()

  @Test func tablesAsParquetHaveTheKindsOfTheirFiles() throws {
    let workspace = try Workspace()
    let graph = try ingest(workspace.writeFolder("d", Self.parquet), in: workspace)
    #expect(
      Set(columns("User", in: graph)) == [
        "age:int64", "u16:int32", "score:float64", "ok:bool", "born:timestamp[s]",
        "at:timestamp[ms]", "emb:float32[3]", "runs:int32[2]", "part:float64[2]", "bl:bytes",
        "u:categorical", "id_2:int8",
      ])
    let born = 981_158_400
    #expect(
      try nodes(
        "User", "age", "u16", "score", "ok", "born", "at", "emb", "runs", "part", "bl", "u", "id_2",
        in: graph) == [
          "Ann \"x\", y 1 65535 0.1 true \(born) \(born + 14706)789 1.0;2.0;3.5 1.0;2.0 0.1;inf 0xaa62 "
            + "00112233-4455-6677-8899-aabbccddeeff -1",
          "Bob\nline null null null false null null 0.25;-1.0;0.0 3.0;4.0 null null null null",
          "007 -3 null null null null null 0.0;0.0;1.0 null null 0x null null",
        ])
    #expect(try nodes("City", "name", in: graph) == ["0 Paris", "1  x "])
    #expect(graph.count(of: "Odd_Name") == 0)
    #expect(columns("Odd_Name", in: graph) == ["v:float32[2]"])
    #expect(
      try edges(EdgeType("User", "Follows", "User"), "since", "w", in: graph) == [
        "007>007 null null", "007>Bob\nline 5 1.0;2.0",
      ])
    #expect(try edges(EdgeType("User", "Likes", "City"), "x", in: graph) == ["007>1 q"])
    #expect(graph.count(of: EdgeType("User", "Likes", "User")) == 0)
  }

  @Test func parquetThatDoesNotFitIsRefusedWithTheFile() throws {
    let cases: [([String: String], String, String)] = [
      (["copy.cypher": "COPY City (id) FROM \"City.parquet\";"], "City.parquet", "has 2 columns"),
      (["City.parquet": "PAR1"], "City.parquet", ""),
      (["City.parquet": ""], "City.parquet", ""),
    ]
    for (changes, place, part) in cases {
      let workspace = try Workspace()
      let files = Self.parquet.merging(changes.mapValues { Array($0.utf8) }) { $1 }
      let folder = try workspace.writeFolder("d", files)
      expectRefused(at: place, part) { _ = try ingest(folder, in: workspace) }
    }
  }

  @Test func exportsThatDoNotFitTogetherAreRefusedWithTheFile() throws {
    let city = "CREATE NODE TABLE City (id SERIAL, name STRING, PRIMARY KEY(id));"
    func copy(_ rest: String) -> [String: String?] {
      ["schema.cypher": city, "copy.cypher": "COPY City \(rest);"]
    }
    let cases: [([String: String?], String, String)] = [
      (copy("(id, name) FROM \"City.parquet\" ()"), "copy.cypher", "no name where an option"),
      (copy("FROM \"City.parquet\""), "/d", "'City.parquet', which copy.cypher names"),
      (copy("FROM \"City.csv\" (escape='\\\\')"), "City.csv", "escape"),
      (copy("FROM \"City.csv\" (quote='\\'')"), "City.csv", "quote"),
      (copy("FROM \"City.csv\" (delim='ab')"), "City.csv", "delimiter"),
      (copy("(id, title) FROM \"City.csv\""), "copy.cypher", "'title'"),
      (copy("(name) FROM \"City.csv\""), "copy.cypher", "key 'id'"),
      (copy("(id) FROM \"City.csv\" (header=true)"), "City.csv:1", "has 2 columns"),
      (copy("FROM City.csv"), "copy.cypher", "no file"),
      (copy("FROM \"City.csv"), "copy.cypher:1", "never closes"),
      (["schema.cypher": "CREATE NODE TABLE City (id SERIAL);"], "schema.cypher", "primary key"),
      (["schema.cypher": "CREATE NODE TABLE City (id SERIAL"], "schema.cypher", "';' is missing"),
      (["schema.cypher": "CREATE NODE TABLE City id;"], "schema.cypher", "lacks '('"),
      (
        ["schema.cypher": city + "CREATE REL TABLE R (FROM City TO Town);"], "schema.cypher",
        "'Town'"
      ),
      (["copy.cypher": "COPY Nothing FROM \"City.csv\";"], "copy.cypher", "'Nothing'"),
      (
        ["City.json": "", "copy.cypher": "COPY City FROM \"City.json\";"], "City.json",
        "neither CSV"
      ),
      (["User.csv": "x\n1,2\n"], "User.csv:1", "has 1 columns"),
      (["City.csv": "a.id,a.name\n0\n"], "City.csv:2", "1 column"),
      (["City.csv": "a.id,a.name\n0,a\n0,b\n"], "City.csv:3", ""),
      (["Follows.csv": "a,b,c,d\n007,007,1,5\n"], "Follows.csv:2", "no list"),
    ]
    for (changes, place, part) in cases {
      let workspace = try Workspace()
      var files = Self.files
      for (name, text) in changes { files[name] = text }
      let folder = try workspace.writeFolder("d", files)
      expectRefused(at: place, part) { _ = try ingest(folder, in: workspace) }
    }
  }
}

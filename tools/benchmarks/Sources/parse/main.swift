// What reading a file of two integers a line takes when nothing is done with them:
//
//   parse FILE
//
// One thread, blocks of 1 MiB, digits one at a time: the least that any reader does. Prints the lines, a sum
// over all numbers, so that none is left out, and the seconds.
import Glibc

guard CommandLine.arguments.count == 2 else {
  print("usage: parse FILE")
  exit(64)
}
let file = open(CommandLine.arguments[1], O_RDONLY)
guard file >= 0 else {
  print("cannot open \(CommandLine.arguments[1])")
  exit(66)
}
let start = ContinuousClock.now
let block = 1 << 20
let buffer = UnsafeMutablePointer<UInt8>.allocate(capacity: block)
var lines = 0
var sum: UInt64 = 0
var number: UInt64 = 0
while true {
  let count = read(file, buffer, block)
  if count <= 0 { break }
  for place in 0..<count {
    let byte = buffer[place]
    if byte >= 48 && byte <= 57 {
      number = number &* 10 &+ UInt64(byte - 48)
    } else {
      sum &+= number
      number = 0
      if byte == 10 { lines += 1 }
    }
  }
}
let seconds = (ContinuousClock.now - start) / .seconds(1)
print("\(lines) lines, sum \(sum &+ number), \(seconds) s")

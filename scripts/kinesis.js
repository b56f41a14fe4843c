// The Kinesis API of npm's kinesalite with the faults that a real one has and this one lacks. Started by kinesis.sh.
//
//   node kinesis.js DIR PORT      writes the port to DIR/ready, and a line for each call of PutRecords to DIR/calls
//
// DIR/faults says what goes wrong, and is read at each call:
//   {"failEvery": 5}              every 5th entry ever put is refused as throttled; the rest of its call is written, in order
//   {"recordsPerSecond": 1000}    entries of a stream beyond so many in a second are refused
//   {"throttleEvery": 3}          every 3rd call of PutRecords is refused as a whole
//   {"delayMs": 50}               PutRecords answers so much later
//   {"loseAnswerEvery": 4}        in place of every 4th answer to PutRecords the connection is cut: what was asked for is written
//   {"accessKeyId": "test"}       all other credentials are refused
'use strict'
const fs = require('fs')
const path = require('path')

const [folder, port] = process.argv.slice(2)
const throttled = 'ProvisionedThroughputExceededException'
const message = 'Rate exceeded for shard.'

function faults() {
  try {
    return JSON.parse(fs.readFileSync(path.join(folder, 'faults'), 'utf8'))
  } catch {
    return {} // There is no such file, or it is just being written.
  }
}

// How often each fault was looked at: its turn comes by counting.
const counts = new Map()
function isTurn(name, every) {
  if (!every) return false
  const count = (counts.get(name) || 0) + 1
  counts.set(name, count)
  return count % every === 0
}

// What each stream has taken in the current second.
const taken = new Map()
function isOver(stream, limit) {
  if (!limit) return false
  const second = Math.floor(Date.now() / 1000)
  const now = taken.get(stream)
  const used = now && now.second === second ? now.used : 0
  if (used >= limit) return true
  taken.set(stream, { second, used: used + 1 })
  return false
}

const log = fs.openSync(path.join(folder, 'calls'), 'a')

// kinesalite looks its actions up when it is loaded, so this one takes the place of its own before.
const putRecords = require.resolve('kinesalite/actions/putRecords')
const write = require(putRecords)
require.cache[putRecords].exports = (store, data, done) => {
  const { failEvery, recordsPerSecond, throttleEvery, delayMs } = faults()
  const stream = data.StreamName
  const keys = data.Records.map(record => record.PartitionKey)
  const whole = isTurn('throttle', throttleEvery)
  const refused = keys.map(() => whole || isTurn('fail', failEvery) || isOver(stream, recordsPerSecond))
  const answer = (error, response) => setTimeout(done, delayMs || 0, error, response)
  const tell = () => fs.writeSync(log, JSON.stringify({ stream, keys, refused }) + '\n')
  if (whole) {
    tell()
    return answer({ statusCode: 400, body: { __type: throttled, message } })
  }
  const Records = data.Records.filter((_, at) => !refused[at])
  write(store, { ...data, Records }, (error, response) => {
    if (error) return answer(error)
    tell()
    const stored = response.Records.values()
    const failed = { ErrorCode: throttled, ErrorMessage: message }
    answer(null, {
      ...response,
      FailedRecordCount: refused.filter(Boolean).length,
      Records: refused.map(it => (it ? failed : stored.next().value)),
    })
  })
}

const server = require('kinesalite')({
  path: path.join(folder, 'db'), createStreamMs: 20, updateStreamMs: 20, deleteStreamMs: 20, shardLimit: 100,
})
const [serve] = server.listeners('request')
server.removeAllListeners('request')
server.on('request', (request, response) => {
  const { accessKeyId, loseAnswerEvery } = faults()
  const credential = /Credential=([^/]*)\//.exec(request.headers.authorization || '')
  if (accessKeyId && credential && credential[1] !== accessKeyId) {
    request.resume()
    response.writeHead(400, { 'Content-Type': 'application/x-amz-json-1.1' })
    const why = 'The security token included in the request is invalid.'
    return response.end(JSON.stringify({ __type: 'UnrecognizedClientException', message: why }))
  }
  const isPut = (request.headers['x-amz-target'] || '').endsWith('.PutRecords')
  if (isPut && isTurn('lose', loseAnswerEvery)) response.end = () => request.socket.destroy()
  serve(request, response)
  // A request that is cut off is no reason to end: kinesalite throws what it hears of one.
  request.removeAllListeners('error')
  request.on('error', () => {})
})
server.listen(Number(port), '127.0.0.1', () => {
  const ready = path.join(folder, 'ready')
  fs.writeFileSync(ready + '.part', String(server.address().port))
  fs.renameSync(ready + '.part', ready)
})

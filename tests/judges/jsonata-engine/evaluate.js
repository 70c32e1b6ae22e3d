// Evaluates JSONata as Step Functions does. Each line of the standard input is an object with an `expression` and its
// `variables` by name, `states` among them; and optionally what time it is `now`, in milliseconds. Each line of the
// standard output is the answer, an object with one of:
//   value      the result
//   undefined  true: there is no result, which Step Functions cannot represent
//   error      `code` and `message`: the expression cannot be evaluated
// A line's characters beyond ASCII are escaped, because Node.js takes some of them for the ends of lines.
import { createHash, randomUUID } from 'node:crypto'
import { createInterface } from 'node:readline'
import jsonata from 'jsonata'

// Step Functions: an expression may take one second.
const MILLISECONDS = 1000
// The engine has no limit of its own, and a stack that overflows would end this process.
const DEPTH = 500
const EVALUATION = Symbol.for('jsonata.__evaluate_entry')
const END_OF_EVALUATION = Symbol.for('jsonata.__evaluate_exit')

const ALGORITHMS = { 'MD5': 'md5', 'SHA-1': 'sha1', 'SHA-256': 'sha256', 'SHA-384': 'sha384', 'SHA-512': 'sha512' }

// What Step Functions adds to JSONata. Source: its guide, "JSONata functions provided by Step Functions".
const FUNCTIONS = {
  partition: [(array, size) => {
    const length = Math.floor(size)
    if (length < 1) throw fault('the size of $partition must be a positive integer')
    const parts = []
    for (let at = 0; at < array.length; at += length) parts.push(array.slice(at, at + length))
    return parts
  }, '<an:a<a>>'],
  range: [(start, end, step) => {
    const [first, last, delta] = [start, end, step].map(Math.floor)
    if (delta === 0) throw fault('the step of $range must not be 0')
    const numbers = []
    for (let each = first; delta > 0 ? each <= last : each >= last; each += delta) numbers.push(each)
    return numbers
  }, '<nnn:a<n>>'],
  hash: [(text, algorithm) => {
    if (!(algorithm in ALGORITHMS)) throw fault(`$hash has no algorithm ${algorithm}`)
    return createHash(ALGORITHMS[algorithm]).update(text).digest('hex')
  }, '<ss:s>'],
  // Which number a seed gives is known to AWS alone.
  random: [() => Math.random(), '<n?:n>'],
  uuid: [() => randomUUID(), '<:s>'],
  parse: [text => JSON.parse(text), '<s:x>']
}

function fault(message) {
  return Object.assign(new Error(message), { code: 'StepFunctions' })
}

function prepared(expression, now) {
  const compiled = jsonata(expression)
  if (now !== undefined) {
    compiled.registerFunction('millis', () => now, '<:n>')
    compiled.registerFunction('now', function (picture, timezone) {
      return this.environment.lookup('fromMillis').implementation(now, picture, timezone)
    }, '<s?s?:s>')
  }
  for (const [name, definition] of Object.entries(FUNCTIONS)) compiled.registerFunction(name, ...definition)
  // Step Functions does not have it.
  compiled.assign('eval', undefined)
  const end = Date.now() + MILLISECONDS
  let depth = 0
  compiled.assign(EVALUATION, () => {
    depth += 1
    if (depth > DEPTH) throw fault(`the expression is more than ${DEPTH} levels deep`)
    if (Date.now() > end) throw fault(`the expression takes more than ${MILLISECONDS} ms`)
  })
  compiled.assign(END_OF_EVALUATION, () => { depth -= 1 })
  return compiled
}

function withoutFunctions(_name, value) {
  if (typeof value === 'function' || value?._jsonata_lambda || value?._jsonata_function) {
    throw fault('JSON cannot represent a function')
  }
  return value
}

async function answer({ expression, variables, now }) {
  try {
    const value = await prepared(expression, now).evaluate(undefined, variables)
    const text = JSON.stringify(value, withoutFunctions)
    return text === undefined ? '{"undefined":true}' : `{"value":${text}}`
  } catch (error) {
    return JSON.stringify({ error: { code: error.code ?? error.name, message: error.message } })
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${await answer(JSON.parse(line))}\n`)
}

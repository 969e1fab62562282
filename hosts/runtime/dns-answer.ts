const HEADER_BYTES = 12
const TYPE_AND_CLASS_BYTES = 4

/** Rcodes with which a server may leave the question out: it could not read it, or did not want to. */
const WITHOUT_QUESTION = new Set([1, 2, 4, 5])

/** Whether `answer` is a response with the query's id and question; names are compared without case (RFC 1035 §2.3.3). */
export const isAnswer = (query: Uint8Array, answer: Uint8Array): boolean => {
  if (answer.length < HEADER_BYTES || query.length < HEADER_BYTES) return false
  if (answer[0] !== query[0] || answer[1] !== query[1]) return false
  const response = ((answer[2] ?? 0) & 0x80) !== 0
  const sameOpcode = (((answer[2] ?? 0) ^ (query[2] ?? 0)) & 0x78) === 0
  if (!response || !sameOpcode) return false
  const questions = ((answer[4] ?? 0) << 8) | (answer[5] ?? 0)
  if (questions === 0 && answer.length === HEADER_BYTES) return WITHOUT_QUESTION.has((answer[3] ?? 0) & 0x0f)
  const end = endOfQuestion(query)
  if (end === undefined || questions !== 1 || answer.length < end) return false
  for (let at = HEADER_BYTES; at < end; at++) {
    const inName = at < end - TYPE_AND_CLASS_BYTES
    const [asked, answered] = [query[at] ?? 0, answer[at] ?? 0]
    if (inName ? lowerCase(asked) !== lowerCase(answered) : asked !== answered) return false
  }
  return true
}

// A question's name is never compressed: there is nothing before it to point to.
const endOfQuestion = (message: Uint8Array): number | undefined => {
  let at = HEADER_BYTES
  for (let length = message[at]; length !== undefined && length <= 63; length = message[at]) {
    at += 1 + length
    if (length === 0) return at + TYPE_AND_CLASS_BYTES <= message.length ? at + TYPE_AND_CLASS_BYTES : undefined
  }
  return undefined
}

// Lengths of labels are below the letters.
const lowerCase = (byte: number): number => (byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte)

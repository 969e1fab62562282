const throwing = (what: string) => (): never => {
  throw new Error(what)
}

/** Answers that fit no contract, each made anew: whatever a plugin may hand to its host. */
export const rubbish = (): unknown[] => [
  undefined,
  null,
  Number.NaN,
  -0,
  1n,
  '',
  '\u001b[2J\u202etxt\r\n',
  'x'.repeat(100_000),
  Symbol('answer'),
  () => 'function',
  [],
  Array.from({ length: 100_000 }, () => null),
  {},
  Object.create(null),
  Object.create({ type: 'answered', holds: true, reason: 'inherited', gatewayId: 'g1' }),
  new Date(Number.NaN),
  new Map([['type', 'answered']]),
  new Proxy({}, { get: throwing('get'), ownKeys: throwing('ownKeys'), has: throwing('has') }),
  Object.defineProperty({}, 'type', { get: throwing('type'), enumerable: true }),
  // oxlint-disable-next-line unicorn/no-thenable -- that is the point
  Object.defineProperty({}, 'then', { get: throwing('then'), enumerable: true }),
  Promise.reject(new Error('a rejection that nobody waits for')),
  Promise.resolve({ holds: true, reason: 'late' }),
  JSON.parse('{"__proto__": {"holds": true}, "constructor": 1}'),
]

/** Right answer, one of whose members at a time is replaced by rubbish, or has some deep inside; or to which a member is added. */
export const spoiled = (right: object, values = rubbish): object[] =>
  [...Object.keys(right), 'more'].flatMap((member) =>
    [...values(), { deep: [values()] }].map((value) => ({ ...right, [member]: value })),
  )

/** Rubbish whose rejections are handled, for what nobody answers: keys and declarations. */
export const handledRubbish = (): unknown[] => {
  const values = rubbish()
  for (const value of values) if (value instanceof Promise) value.catch(() => undefined)
  return values
}

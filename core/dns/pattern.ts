/**
 * Parsed address of a DNS resource: a name in which `?` stands for one character, `*` for any number of characters
 * (both within one label) and `**`, as a whole label, for any number of labels, even none. `*.example.org` also matches
 * `example.org`. Case is ignored.
 */
export interface Pattern {
  readonly text: string
  /** Labels in lower case, as on the wire: a label beyond ASCII is in its `xn--` form. */
  readonly labels: readonly string[]
}

/**
 * Parses a pattern; undefined if the text is malformed. Whether a resource may have the pattern is `patternProblem`'s
 * decision.
 */
export const parsePattern = (text: string): Pattern | undefined => {
  const labels = text.split('.').map(wireLabel)
  return formProblem(labels) === undefined ? { text, labels: labels as string[] } : undefined
}

/**
 * Whether a name (any case, with or without a trailing dot) matches a pattern. Malformed patterns and names never
 * match.
 */
export const matchPattern = (pattern: string, name: string): boolean => {
  const parsed = parsePattern(pattern)
  return parsed !== undefined && matchParsed(parsed, normalizeName(name))
}

/** Whether a normalized name matches a parsed pattern. */
export const matchParsed = ({ labels }: Pattern, name: string): boolean => {
  if (name.length === 0 || name.length > MAX_NAME_CHARACTERS) return false
  const labelsOfName = name.split('.')
  if (labelsOfName.includes('')) return false
  if (glob(labels, labelsOfName, '**', matchLabel)) return true
  return labels[0] === '*' && labels.length > 1 && glob(labels.slice(1), labelsOfName, '**', matchLabel)
}

/** Normalizes a name: lower case, no trailing dot. The root is the empty text. */
export const normalizeName = (name: string): string => {
  const lower = name.toLowerCase()
  return lower.endsWith('.') ? lower.slice(0, -1) : lower
}

/**
 * Orders patterns by specificity: negative if `a` is more specific than `b`, zero only if they are equal. Compares
 * labels from the right; the first difference decides: no wildcard before `?` before `*` before `**`, more literal
 * characters before fewer. If one pattern has no labels left, it comes first, unless its leftmost label is `**`, which
 * includes the longer pattern.
 */
export const comparePatterns = (a: string, b: string): number => {
  const left = a.split('.').map(orderedLabel)
  const right = b.split('.').map(orderedLabel)
  let before = ''
  for (let back = 1; ; back++) {
    const one = left.at(-back)
    const other = right.at(-back)
    if (one === undefined && other === undefined) return 0
    if (one === undefined) return before === '**' ? 1 : -1
    if (other === undefined) return before === '**' ? -1 : 1
    const difference = compareLabels(one, other)
    if (difference !== 0) return difference
    before = one
  }
}

/** Explains, to the person who entered it, why a text cannot be the address of a DNS resource; undefined if it can. */
export const patternProblem = (pattern: string): string | undefined => {
  if (pattern === '') return 'A name is missing.'
  if (/\s/.test(pattern)) return 'A name has no blanks.'
  if (pattern.includes('/')) return 'This is not a name: leave out a scheme, a path or a prefix length.'
  if (pattern.includes(':'))
    return 'This is not a name: ports belong in the filters, an IPv6 address in a resource of that type.'
  if (pattern.endsWith('.')) return 'Leave out the dot at the end.'
  const labels = pattern.split('.').map(wireLabel)
  const problem = formProblem(labels)
  if (problem !== undefined) return problem
  const top = labels.at(-1) ?? ''
  if (/^\d+$/.test(top)) return 'An address is not a name: use a resource of that type.'
  if (/[*?]/.test(top)) return 'The last label must not have a wildcard: it would take in every name.'
  if (top === 'localhost') return 'localhost is always the machine itself.'
  const below = labels.slice(0, -1)
  if (
    below.length > 0 &&
    below.every((label) => /^[*?]+$/.test(label ?? '')) &&
    (top.length === 2 || PUBLIC_TOP_LABELS.has(top))
  ) {
    return `Only wildcards before .${top} would take in other people's names: write at least one more label.`
  }
  return undefined
}

// RFC 1035 §2.3.4: 255 bytes on the wire are 253 characters.
const MAX_NAME_CHARACTERS = 253
const MAX_LABEL_CHARACTERS = 63

// Top-level domains in which anybody may register names, beside those of two letters, which are countries' (RFC 1591
// §2). Any other may belong to one organisation: `lan`, `corp`, its own top-level domain.
const PUBLIC_TOP_LABELS = new Set([
  'com',
  'net',
  'org',
  'edu',
  'gov',
  'mil',
  'int',
  'arpa',
  'info',
  'biz',
  'name',
  'pro',
  'app',
  'dev',
  'cloud',
  'online',
  'site',
  'xyz',
])

const formProblem = (labels: readonly (string | undefined)[]): string | undefined => {
  if (labels.join('.').length > MAX_NAME_CHARACTERS) return `A name has at most ${MAX_NAME_CHARACTERS} characters.`
  for (const label of labels) {
    if (label === undefined) return 'A label beyond ASCII must be a valid international name without a wildcard in it.'
    if (label === '') return 'A label between two dots is missing.'
    if (label.length > MAX_LABEL_CHARACTERS) return `A label has at most ${MAX_LABEL_CHARACTERS} characters.`
    // RFC 952 does not allow underscores in host names, but people use them.
    if (!/^[a-z0-9_*?-]+$/.test(label)) return 'A name has letters, digits, hyphens and the wildcards ?, * and ** only.'
    if (label.includes('**') && label !== '**') return '** stands for whole labels: put it between dots.'
  }
  return undefined
}

/**
 * Converts a label to lower case and to its `xn--` form (RFC 5890 §2.3.2.1) if it is beyond ASCII; undefined if it has
 * none.
 */
const wireLabel = (label: string): string | undefined => {
  const lower = label.toLowerCase()
  if (/^\p{ASCII}*$/u.test(lower)) return lower
  if (/[^\p{L}\p{M}\p{N}_-]/u.test(lower) || !URL.canParse(`http://${lower}.example`)) return undefined
  const [first] = new URL(`http://${lower}.example`).hostname.split('.')
  return first
}

/**
 * Matches a glob against a sequence. `many` stands for any number of items. Backtracks only to the last `many`, so its
 * time is bounded by the product of the lengths.
 */
const glob = (
  pattern: ArrayLike<string>,
  items: ArrayLike<string>,
  many: string,
  matchOne: (pattern: string, item: string) => boolean,
): boolean => {
  let p = 0
  let i = 0
  let afterMany = -1
  let retry = 0
  while (i < items.length) {
    const expected = pattern[p]
    const item = items[i]
    if (expected === many) {
      afterMany = ++p
      retry = i
    } else if (expected !== undefined && item !== undefined && matchOne(expected, item)) {
      p++
      i++
    } else if (afterMany >= 0) {
      p = afterMany
      i = ++retry
    } else {
      return false
    }
  }
  while (pattern[p] === many) p++
  return p === pattern.length
}

const matchLabel = (pattern: string, label: string): boolean =>
  pattern === label || glob(pattern, label, '*', (expected, character) => expected === '?' || expected === character)

const orderedLabel = (label: string): string => wireLabel(label) ?? label.toLowerCase()

const compareLabels = (a: string, b: string): number =>
  wildness(a) - wildness(b) ||
  written(b) - written(a) ||
  count(b, '?') - count(a, '?') ||
  count(a, '*') - count(b, '*') ||
  (a < b ? -1 : a > b ? 1 : 0)

const wildness = (label: string): number => (label === '**' ? 3 : label.includes('*') ? 2 : label.includes('?') ? 1 : 0)

// Labels without wildcards count 0: no literal is more specific than another.
const written = (label: string): number =>
  wildness(label) === 0 ? 0 : label.length - count(label, '*') - count(label, '?')

const count = (label: string, character: string): number => label.split(character).length - 1

/**
 * Whether a text is a host or domain name: labels of letters, digits, dashes and underscores, at most 253 characters
 * (RFC 1123 §2.1).
 */
export const isHostName = (text: string): boolean => text.length <= 253 && NAME.test(text)

const LABEL = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?'
const NAME = new RegExp(`^${LABEL}(?:\\.${LABEL})*\\.?$`, 'i')

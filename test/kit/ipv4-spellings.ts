import { parseAddress } from '../../core/net/ip-address.ts'

/**
 * IPv6 addresses that a kernel, a translator or a tunnel turns into this IPv4 address, as text. The address may not be
 * in 0.0.0.0/8.
 */
export const spellingsOf = (ipv4: string): string[] => {
  const [a = 0, b = 0, c = 0, d = 0] = parseAddress(ipv4) ?? []
  const word = (high: number, low: number): string => ((high << 8) | low).toString(16)
  const [high, low] = [word(a, b), word(c, d)]
  const inverted = `${word(255 - a, 255 - b)}:${word(255 - c, 255 - d)}`
  return [
    `::${ipv4}`,
    `::ffff:${ipv4}`,
    `::ffff:0:${ipv4}`,
    `64:ff9b::${ipv4}`,
    // RFC 6052 §2.2: an address after a prefix of 48, 56, 64 and 96 bits, and one with trailing bits, which a
    // translator ignores.
    `64:ff9b:1:${high}:${word(0, c)}:${word(d, 0)}::`,
    `64:ff9b:1:${high}:${word(0, c)}:${word(d, 0)}:0:1`,
    `64:ff9b:1:${word(0, a)}:${word(0, b)}:${low}::`,
    `64:ff9b:1:0:${word(0, a)}:${word(b, c)}:${word(d, 0)}:0`,
    `64:ff9b:1::${ipv4}`,
    `64:ff9b:1:7::${ipv4}`,
    `2002:${high}:${low}::1`,
    `2002:${high}:${low}:5:6:7:8:9`,
    `2001:0:${high}:${low}:0:fff:3fff:fdfe`,
    `2001:0:4136:e378:8000:63bf:${inverted}`,
    `2001:db8::5efe:${ipv4}`,
    `2001:db8::200:5efe:${ipv4}`,
  ]
}

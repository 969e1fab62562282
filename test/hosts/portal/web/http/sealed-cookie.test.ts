import { expect } from 'chai'
import * as fc from 'fast-check'
import type { Context } from 'koa'
import { describe, it } from 'mocha'
import { MINUTE } from '../../../../../core/runtime/time.ts'
import { SealedCookies } from '../../../../../hosts/portal/web/http/sealed-cookie.ts'
import { SeededRandom } from '../../../../kit/seeded-random.ts'
import { VirtualClock } from '../../../../kit/virtual-clock.ts'

/** The parts of a koa context that cookies use. */
const browser = () => {
  const jar = new Map<string, { text: string; options: Record<string, unknown> }>()
  const cookies = {
    get: (name: string) => jar.get(name)?.text,
    set: (name: string, text: string, options: Record<string, unknown>) => jar.set(name, { text, options }),
  }
  return { jar, ctx: { cookies } as never as Context }
}

describe('a sealed cookie', () => {
  const sealed = (clock = new VirtualClock(), seed = 'key') =>
    new SealedCookies({ key: new SeededRandom(seed).bytes(32), clock, random: new SeededRandom(), secure: true })

  it('a sealed cookie comes back as it went, unreadable on the way, until its time is over', () => {
    const clock = new VirtualClock()
    const cookies = sealed(clock)
    const { ctx, jar } = browser()
    cookies.set(ctx, { name: 'a', value: { verifier: 'pkce' }, lifetimeMs: 5 * MINUTE })
    expect(jar.get('a')?.text)
      .to.match(/^[\w-]+$/)
      .and.not.contain('pkce')
    expect(jar.get('a')?.options).to.include({ httpOnly: true, sameSite: 'lax', secure: true, maxAge: 5 * MINUTE })
    clock.advance(5 * MINUTE - 1)
    expect(cookies.get(ctx, 'a')).to.deep.equal({ verifier: 'pkce' })
    clock.advance(1)
    expect(cookies.get(ctx, 'a')).to.equal(undefined)
  })

  it('a sealed cookie is nothing under another name, or of another portal', () => {
    const { ctx, jar } = browser()
    sealed().set(ctx, { name: 'a', value: 1, lifetimeMs: MINUTE })
    const text = jar.get('a')?.text ?? ''
    jar.set('b', { text, options: {} })
    expect(sealed().get(ctx, 'b')).to.equal(undefined)
    expect(sealed(new VirtualClock(), 'other key').get(ctx, 'a')).to.equal(undefined)
  })

  it('a sealed cookie is nothing once a bit of it changed, nor is any other text', () => {
    const { ctx, jar } = browser()
    sealed().set(ctx, { name: 'a', value: 1, lifetimeMs: MINUTE })
    const text = jar.get('a')?.text ?? ''
    const changed = fc
      .tuple(fc.nat(text.length - 1), fc.constantFrom('A', 'z', '-'))
      .map(([at, letter]) => text.slice(0, at) + letter + text.slice(at + 1))
      .filter((other) => other !== text)
    fc.assert(
      fc.property(fc.oneof(changed, fc.string(), fc.stringMatching(/^[\w-]{0,90}$/)), (other) => {
        jar.set('a', { text: other, options: {} })
        expect(sealed().get(ctx, 'a')).to.equal(undefined)
      }),
    )
  })
})

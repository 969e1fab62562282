import { expect } from 'chai'
import { describe, it } from 'mocha'
import { OperatorError } from '../../../core/config/operator-error.ts'
import { chooseLane } from '../../../hosts/runtime/lane/choose-lane.ts'

const codeOf = (act: () => unknown): string | undefined => {
  try {
    act()
  } catch (error) {
    if (error instanceof OperatorError) return error.code
    throw error
  }
  return undefined
}

describe('the choice of a lane', () => {
  const wireGuard = { keyFormat: 'wireguard-v1' }
  it('the native lane is chosen where all of it is there, and the choice says what seals', () => {
    expect(chooseLane(undefined, wireGuard)).to.deep.include({ kind: 'native' })
    expect(chooseLane('auto', wireGuard).reason).to.match(/^sealed by OpenSSL/)
    expect(chooseLane('native', wireGuard).kind).to.equal('native')
  })

  it('the script lane is chosen where the operator wishes it', () => {
    expect(chooseLane('script', wireGuard)).to.deep.equal({ kind: 'script', reason: 'PORTREEVE_LANE is script' })
  })

  it('the choice of a lane falls back to the script lane with the reason, or refuses where the native one was wished', () => {
    expect(chooseLane('auto', {})).to.deep.equal({
      kind: 'script',
      reason: 'the tunnel transport exports no keys',
    })
    expect(codeOf(() => chooseLane('native', {}))).to.equal('LANE_UNAVAILABLE')
    const withoutCipher = () => ({ cipher: () => 0 })
    expect(chooseLane('auto', wireGuard, withoutCipher)).to.deep.include({ kind: 'script' })
    expect(codeOf(() => chooseLane('native', wireGuard, withoutCipher))).to.equal('LANE_UNAVAILABLE')
    const withoutAddon = () => {
      throw new OperatorError('NATIVE_ADDON_MISSING', 'the native addon does not load')
    }
    expect(chooseLane('auto', wireGuard, withoutAddon)).to.deep.equal({
      kind: 'script',
      reason: 'the native addon does not load',
    })
  })

  it('the choice of a lane refuses an unknown wish', () => {
    expect(codeOf(() => chooseLane('fast', wireGuard))).to.equal('LANE_INVALID')
    expect(codeOf(() => chooseLane('', wireGuard))).to.equal('LANE_INVALID')
  })
})

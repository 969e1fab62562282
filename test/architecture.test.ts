import { describe, it } from 'mocha'

describe('architecture', () => {
  it('is checked')
})

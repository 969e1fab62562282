import {
  addressRanges,
  isDefault,
  overlaps,
  rangeProblems,
  toldRanges,
  type AddressRangeTexts,
} from '../../../../core/net/address-ranges.ts'
import { parseAddress } from '../../../../core/net/ip-address.ts'
import { formatPrefix, hostPrefix, parsePrefix, type Prefix } from '../../../../core/net/prefix.ts'
import type { Account } from '../../store/entities.ts'
import type { Reader, Transaction } from '../../store/store.ts'
import { invalidBody, Problem } from '../http/problem.ts'

/**
 * Gives an account other address ranges; null for the usual ones.
 * @throws Problem 422 if they are not allowed, or overlap a resource; 409 if devices find no room there
 */
export const changeRanges = async (
  tx: Transaction,
  before: Account,
  texts: AddressRangeTexts | null,
): Promise<void> => {
  const wanted = texts === null || isDefault(texts) ? null : texts
  if (JSON.stringify(wanted) === JSON.stringify(before.addressRanges)) return
  if (wanted !== null) await check(tx, wanted)
  const missing = await tx.moveAddresses(wanted)
  if (missing === 0) return
  const message = `There is no room in devices_ipv4 for ${missing} of the account’s clients and gateways. Choose a larger range, or remove rows that are gone for good.`
  throw new Problem(409, 'conflict', message)
}

/** Refuses the address of a resource (canonical, as stored) in a range of the account's tunnels. @throws Problem 422 */
export const checkOutsideRanges = async (reader: Reader, accountId: string, address: string | null): Promise<void> => {
  const ranges = (await reader.get('accounts', accountId))?.addressRanges ?? null
  const prefix = prefixOf(address)
  // The usual ranges are refused in every account.
  if (ranges === null || prefix === undefined) return
  const range = toldRanges(ranges).own.find((own) => overlaps(own, prefix))
  if (range === undefined) return
  const message = `is within or around ${formatPrefix(range)}, the tunnels’ own addresses (address_ranges of the account)`
  throw invalidBody([{ path: 'address', message }])
}

const check = async (tx: Transaction, texts: AddressRangeTexts): Promise<void> => {
  const problems = rangeProblems(texts)
  const path = (range: string): string => `address_ranges.${range}`
  if (problems.length > 0)
    throw invalidBody(problems.map(({ range, problem }) => ({ path: path(range), message: problem })))
  for (const { name, address } of await tx.list('resources')) {
    const prefix = prefixOf(address)
    if (prefix === undefined) continue
    const range = (addressRanges(texts)?.own ?? []).find((own) => overlaps(own, prefix))
    if (range === undefined) continue
    const message = `${formatPrefix(range)} overlaps the resource ${name} (${address})`
    throw invalidBody([{ path: 'address_ranges', message }])
  }
}

const prefixOf = (address: string | null): Prefix | undefined => {
  const bytes = parseAddress(address ?? '')
  return bytes === undefined ? parsePrefix(address ?? '') : hostPrefix(bytes)
}

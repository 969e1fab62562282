import type { Problem } from './operations.ts'

/** Problem that a portal answers with (RFC 9457); `code` is stable, for programs. */
export type ApiProblem = Problem

/** Refusal by a portal. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly problem: ApiProblem
  /** Seconds to wait before the same call makes sense again, if the portal said so. */
  readonly retryAfterSeconds: number | undefined

  constructor(problem: ApiProblem, retryAfterSeconds?: number) {
    const fields = (problem.errors ?? []).map(({ path, message }) => `\n  ${path}: ${message}`).join('')
    super(`${problem.status} ${problem.code}: ${problem.detail}${fields}`)
    this.problem = problem
    this.retryAfterSeconds = retryAfterSeconds
  }

  /** Stable code of the problem, such as `in_use`. */
  get code(): string {
    return this.problem.code
  }

  /** HTTP status of the answer. */
  get status(): number {
    return this.problem.status
  }
}

/** Makes the error for an answer that is no problem of a portal, such as one from a proxy. */
export const foreignAnswer = (status: number, text: string): ApiError =>
  new ApiError({
    type: 'about:blank',
    title: 'No answer of a portal',
    status,
    code: 'not_a_portal',
    detail: `This is no answer of a portal: ${text.replaceAll(/\s+/g, ' ').slice(0, 200)}`,
    request_id: '',
  })

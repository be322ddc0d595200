/**
 * Runs a part of ours that is between Node and the application, which may have handed over anything: mocked
 * requests, getters that throw. What it throws ends here, and the application goes on as it would without us.
 */
export function attempt<Result>(part: () => Result): Result | undefined {
  try {
    return part();
  } catch {
    return undefined;
  }
}

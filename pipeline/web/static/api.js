// The server's answers. An error carries the server's own text.

/** Fetch JSON below /api. Throws an Error with the server's text, or one that says that it does not answer. */
export async function ask(path, parameters = null, signal = undefined) {
  let response;
  try {
    response = await fetch(`/api/${path}${parameters ? `?${parameters}` : ""}`, { signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server of this page does not answer.");
  }
  const answer = await response.json().catch(() => ({ error: `unreadable answer, status ${response.status}` }));
  if (!response.ok) throw new Error(answer.error ?? `status ${response.status}`);
  return answer;
}

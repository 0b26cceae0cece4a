// What is said of a trace that begins with a call.

export function CauseUnknown() {
  return (
    <span
      class="fragment"
      title="This service serves requests too. Which of them made this call was not certain, so it begins a trace of its own."
    >
      cause not known
    </span>
  );
}

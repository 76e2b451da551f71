// Shows an element of the page where propensity decides so. Everything else stays as the page has it.
(function (page, script) {
  "use strict";
  var data = script.dataset, flag = data.flag || "promotion-banner", key = "propensity:" + flag;
  var asked = (window.propensity = window.propensity || {});
  if (asked[flag]) return;
  asked[flag] = true;

  function customer() {
    try {
      var part = data.token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
      return JSON.parse(decodeURIComponent(escape(atob(part)))).sub;
    } catch (none) { return null; }
  }

  function kept() {
    try {
      var found = JSON.parse(sessionStorage.getItem(key));
      return found.customer === customer() ? found.decision : null;
    } catch (none) { return null; }
  }

  function keep(decision) {
    if (data.consent !== "yes") return;
    try {
      sessionStorage.setItem(key, JSON.stringify({ customer: customer(), decision: decision }));
    } catch (full) { /* the next page asks again */ }
  }

  function apply(decision) {
    var shows = data.variant ? decision.variant === data.variant : decision.value === true;
    var found = data.show && page.querySelector(data.show);
    if (shows && found) found.hidden = false;
    page.dispatchEvent(new CustomEvent("propensity:exposure", { detail: {
      flag: flag, variant: decision.variant, value: decision.value, reason: decision.reason
    } }));
  }

  function whenReady(decision) {
    if (page.readyState !== "loading") apply(decision);
    else page.addEventListener("DOMContentLoaded", function () { apply(decision); });
  }

  if (!data.token) return; // nobody is logged in: the answer would be the default
  var known = data.consent === "yes" && kept();
  if (known) return whenReady(known);

  var giveUp = new AbortController(), headers = { "Content-Type": "application/json", Authorization: "Bearer " + data.token };
  if (data.key) headers["X-API-Key"] = data.key;
  var clock = setTimeout(function () { giveUp.abort(); }, Number(data.timeout) || 300);
  fetch(new URL("ofrep/v1/evaluate/flags/" + encodeURIComponent(flag), script.src), {
    method: "POST", headers: headers, body: '{"context":{}}', signal: giveUp.signal,
    credentials: "omit", referrerPolicy: "no-referrer"
  }).then(function (answer) {
    if (answer.ok) return answer.json();
    giveUp.abort(); // or the connection waits for somebody to read the refusal
  }).then(function (decision) {
    clearTimeout(clock);
    if (!decision || (decision.metadata && decision.metadata.cause)) return;
    keep(decision);
    whenReady(decision);
  }).catch(function () { clearTimeout(clock); });
})(document, document.currentScript);

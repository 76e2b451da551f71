"use strict";
document.addEventListener("propensity:exposure", function (event) {
  document.getElementById("answer").textContent = JSON.stringify(event.detail, null, 2);
});

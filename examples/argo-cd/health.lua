-- The health of a ModelRouter for Argo CD, so that a sync waits until its gateway can be called and
-- all its pods run what was synced.
local found = {}
if obj.status ~= nil and obj.status.conditions ~= nil then
  for _, condition in ipairs(obj.status.conditions) do
    found[condition.type] = condition
  end
end

local function is(name, status, reason)
  local condition = found[name]
  return condition ~= nil and condition.status == status
    and (reason == nil or condition.reason == reason)
end

local function health(status, name)
  return { status = status, message = found[name] ~= nil and found[name].message or nil }
end

-- Crossplane has not yet seen this generation.
for _, name in ipairs({ "Synced", "Ready" }) do
  local seen = found[name] ~= nil and found[name].observedGeneration
  if seen and obj.metadata.generation ~= nil and seen < obj.metadata.generation then
    return { status = "Progressing", message = "Waiting for Crossplane" }
  end
end

if is("Synced", "False", "ReconcilePaused") then
  return health("Suspended", "Synced")
end
-- The function refuses the spec, and its sentence says more than Crossplane's own.
if is("Configured", "False") then
  return health("Degraded", "Configured")
end
if is("Synced", "False") then
  return health("Degraded", "Synced")
end
if is("RolledOut", "False", "ProgressDeadlineExceeded") then
  return health("Degraded", "RolledOut")
end
if is("Available", "False", "ServiceChanged") then
  return health("Degraded", "Available")
end
if not is("Ready", "True") then
  return health("Progressing", "Available")
end
if is("RolledOut", "False") then
  return health("Progressing", "RolledOut")
end
-- A missing key breaks only the models that need it, so it is said and no more.
if is("CredentialsPresent", "False") then
  return health("Healthy", "CredentialsPresent")
end
return { status = "Healthy" }

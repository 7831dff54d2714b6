# Prints, on one line: virtualization on in the firmware, a hypervisor runs, the state of virtualization-based
# security (2: it runs), and its services that run (2: memory integrity). The last two are empty if
# Windows does not tell them, as to a user who is no administrator.
# Source: Microsoft, Win32_Processor, Win32_ComputerSystem and Win32_DeviceGuard.
$p = Get-CimInstance Win32_Processor | Select-Object -First 1;
$s = Get-CimInstance Win32_ComputerSystem;
$g = Get-CimInstance -Namespace root/Microsoft/Windows/DeviceGuard
  -ClassName Win32_DeviceGuard -ErrorAction SilentlyContinue;
"$($p.VirtualizationFirmwareEnabled) $($s.HypervisorPresent) $($g.VirtualizationBasedSecurityStatus) $($g.SecurityServicesRunning -join ',')"

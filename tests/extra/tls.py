"""What sslyze says of a listener with TLS: the versions and ciphers of today, and none of the holes of yesterday."""

from sslyze import ScanCommand, ScanCommandAttemptStatusEnum, Scanner, ServerNetworkConfiguration
from sslyze import ServerNetworkLocation, ServerScanRequest

from kit import certificate, folder, gateway

NEVER = ["ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1"]
# The forward-secret AEAD suites of Mozilla's "intermediate" and "modern" lists.
SUITES = {
    "tls_1_2": ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
                "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"],
    "tls_1_3": ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"],
}


def scan(port):
    """Every result by its name."""
    location = ServerNetworkLocation(hostname="a.example", ip_address="127.0.0.1", port=port)
    network = ServerNetworkConfiguration(tls_server_name_indication="a.example")
    commands = set(ScanCommand) - {ScanCommand.HTTP_HEADERS}
    scanner = Scanner()
    scanner.queue_scans([ServerScanRequest(location, network, commands)])
    (result,) = scanner.get_results()
    assert result.scan_result, result.connectivity_error_trace
    found = {}
    for command in commands:
        attempt = getattr(result.scan_result, command.value)
        assert attempt.status is ScanCommandAttemptStatusEnum.COMPLETED, f"{command}: {attempt.error_trace}"
        found[command.value] = attempt.result
    return found


def main():
    with folder() as into:
        config = {
            "listeners": [{"tls": certificate(into, "a.example")}],
            "services": {},
            "routes": [{"respond": {"status": 200}}],
        }
        running, (port,) = gateway(into, config)
        with running:
            found = scan(port)
    for version in NEVER:
        assert not found[f"{version}_cipher_suites"].is_tls_version_supported, version
    for version, suites in SUITES.items():
        accepted = sorted(one.cipher_suite.name for one in found[f"{version}_cipher_suites"].accepted_cipher_suites)
        assert accepted == sorted(suites), (version, accepted)
    assert not found["heartbleed"].is_vulnerable_to_heartbleed
    assert not found["openssl_ccs_injection"].is_vulnerable_to_ccs_injection
    assert "NOT_VULNERABLE" in found["robot"].robot_result.name, found["robot"]
    assert not found["tls_compression"].supports_compression
    assert not found["tls_1_3_early_data"].supports_early_data, "what is replayed would reach the service twice"
    renegotiation = found["session_renegotiation"]
    assert not renegotiation.is_vulnerable_to_client_renegotiation_dos
    assert renegotiation.supports_secure_renegotiation
    assert found["tls_extended_master_secret"].supports_ems_extension
    assert found["tls_fallback_scsv"].supports_fallback_scsv
    print(f"ok    {len(found)} scans of sslyze")


if __name__ == "__main__":
    main()
